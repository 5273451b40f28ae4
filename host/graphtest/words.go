package graphtest

// words is what generated people are called, and what they write about. The lists are short and our own: a tenant needs to look like one, not
// to be read.
type words struct {
	cultures    []culture
	departments []department
	projects    []string
	senders     []outsider
	folders     []string
	shared      []string
	rooms       []string
	phrases     []phrasebook
}

// named is a name and how it stands in an address.
type named struct{ name, ascii string }

// culture is where names come from.
type culture struct {
	given, surnames []named
	surnameFirst    bool
	office          string
	language        string // preferredLanguage
	phrases         int    // index of the phrasebook that its people write in at times
}

type department struct {
	name   string
	titles []string
}

// outsider is a sender beyond the tenant. Its subjects may hold a %d.
type outsider struct {
	name, address string
	subjects      []string
}

// phrasebook is what people say, in one language. A %s is a project.
type phrasebook struct {
	greeting, closing string
	topics, sentences []string
}

func newWords() *words {
	return &words{
		cultures: []culture{
			{
				given:    []named{{"Amelia", "amelia"}, {"Oliver", "oliver"}, {"Siobhán", "siobhan"}, {"Callum", "callum"}, {"Grace", "grace"}, {"Owen", "owen"}},
				surnames: []named{{"O'Connor", "oconnor"}, {"Whitfield", "whitfield"}, {"Ashworth-Lee", "ashworth-lee"}, {"Nkemelu", "nkemelu"}, {"Price", "price"}},
				office:   "Leeds", language: "en-GB",
			},
			{
				given:    []named{{"Jürgen", "juergen"}, {"Käthe", "kaethe"}, {"Björn", "bjoern"}, {"Anneliese", "anneliese"}, {"Sören", "soeren"}, {"Ute", "ute"}},
				surnames: []named{{"Groß", "gross"}, {"Müller-Lüdenscheid", "mueller-luedenscheid"}, {"Weiß", "weiss"}, {"Krüger", "krueger"}, {"Vogt", "vogt"}},
				office:   "Köln", language: "de-DE", phrases: 1,
			},
			{
				given:    []named{{"Zoë", "zoe"}, {"Benoît", "benoit"}, {"Hélène", "helene"}, {"François", "francois"}, {"Maëlys", "maelys"}},
				surnames: []named{{"Lefèvre", "lefevre"}, {"d'Alembert", "dalembert"}, {"Moreau", "moreau"}, {"Île", "ile"}, {"Nguyễn", "nguyen"}},
				office:   "Lyon", language: "fr-FR", phrases: 2,
			},
			{
				given:    []named{{"Ольга", "olga"}, {"Дмитро", "dmytro"}, {"Ірина", "iryna"}, {"Тарас", "taras"}, {"Людмила", "lyudmyla"}},
				surnames: []named{{"Коваленко", "kovalenko"}, {"Шевчук", "shevchuk"}, {"Мельник", "melnyk"}, {"Бондар", "bondar"}},
				office:   "Київ", language: "uk-UA",
			},
			{
				given:    []named{{"Ελένη", "eleni"}, {"Γιώργος", "giorgos"}, {"Μαρία", "maria"}, {"Νίκος", "nikos"}},
				surnames: []named{{"Παπαδοπούλου", "papadopoulou"}, {"Νικολάου", "nikolaou"}, {"Βλάχος", "vlachos"}},
				office:   "Αθήνα", language: "el-GR",
			},
			{
				given:        []named{{"さくら", "sakura"}, {"健太", "kenta"}, {"美咲", "misaki"}, {"翔", "sho"}, {"陽子", "yoko"}},
				surnames:     []named{{"佐藤", "sato"}, {"髙橋", "takahashi"}, {"渡邉", "watanabe"}, {"小林", "kobayashi"}},
				surnameFirst: true, office: "大阪", language: "ja-JP", phrases: 3,
			},
			{
				given:        []named{{"伟", "wei"}, {"晓明", "xiaoming"}, {"丽", "li"}, {"静怡", "jingyi"}},
				surnames:     []named{{"王", "wang"}, {"欧阳", "ouyang"}, {"陈", "chen"}, {"刘", "liu"}},
				surnameFirst: true, office: "上海", language: "zh-CN",
			},
			{
				given:    []named{{"ليلى", "layla"}, {"يوسف", "yousef"}, {"نور", "nour"}, {"خالد", "khaled"}},
				surnames: []named{{"الحداد", "al-haddad"}, {"بن سعيد", "bin-saeed"}, {"منصور", "mansour"}},
				office:   "Amman", language: "ar-JO",
			},
			{
				given:    []named{{"प्रिया", "priya"}, {"अर्जुन", "arjun"}, {"दीपिका", "deepika"}, {"विक्रम", "vikram"}},
				surnames: []named{{"शर्मा", "sharma"}, {"पटेल", "patel"}, {"अय्यर", "iyer"}},
				office:   "Pune", language: "hi-IN",
			},
			{
				given:        []named{{"민준", "minjun"}, {"서연", "seoyeon"}, {"지호", "jiho"}},
				surnames:     []named{{"김", "kim"}, {"박", "park"}, {"최", "choi"}},
				surnameFirst: true, office: "서울", language: "ko-KR",
			},
			{
				given:    []named{{"José", "jose"}, {"Begoña", "begona"}, {"Íñigo", "inigo"}, {"Lucía", "lucia"}, {"Çiğdem", "cigdem"}, {"Łukasz", "lukasz"}},
				surnames: []named{{"Núñez", "nunez"}, {"Yılmaz", "yilmaz"}, {"Wójcik", "wojcik"}, {"Åkesson", "akesson"}, {"Þórsdóttir", "thorsdottir"}},
				office:   "Bilbao", language: "es-ES",
			},
		},
		departments: []department{
			{"Finance", []string{"Accountant", "Controller", "Payroll clerk", "Treasurer"}},
			{"Sales", []string{"Account manager", "Sales engineer", "Regional lead"}},
			{"Engineering", []string{"Developer", "Test engineer", "Architect", "Site reliability engineer"}},
			{"Legal", []string{"Counsel", "Contract manager"}},
			{"People", []string{"Recruiter", "Business partner"}},
			{"Operations", []string{"Planner", "Warehouse lead", "Buyer", "Fleet manager"}},
			{"Security", []string{"Security analyst", "Incident responder"}},
			{"Board Office", []string{"Chief executive", "Assistant to the board"}},
		},
		projects: []string{
			"Heron", "Blue Ledger", "the Rotterdam move", "Q3 forecast", "warehouse 7", "the new portal", "supplier audit", "Kestrel 2.0",
			"the Fabrikam contract", "summer rota", "laptop exchange", "Project Größe", "the price list", "travel policy", "site visit",
		},
		senders: []outsider{
			{"Fabrikam Billing", "billing@fabrikam.example", []string{"Invoice %d", "Payment reminder %d", "Your statement, no. %d"}},
			{"Northwind Weekly", "news@northwind.example", []string{"This week at Northwind, issue %d", "Five things to read, issue %d"}},
			{"Ticket desk", "noreply@tickets.adventure-works.example", []string{"[AW-%d] Your request was received", "[AW-%d] Your request was closed", "[AW-%d] We need more from you"}},
			{"Tailspin Travel", "bookings@tailspin.example", []string{"Your booking %d", "Change of platform for booking %d"}},
			{"Build server", "builds@ci.contoso-tools.example", []string{"Build %d failed", "Build %d is green again"}},
			{"Account security", "alert@contoso-login.example", []string{"Unusual sign-in (case %d): confirm now", "Your mailbox is full, ref. %d"}},
			{"", "pat.lund@litware.example", []string{"Question on order %d", "Order %d: delivery date"}},
		},
		folders: []string{
			"Projects/2025/Q3 (final) FINAL", "Inbox/_todo!!", "Belege & Unterlagen/Übrige", "🗂 alt/🗂 älter", `Clients/A\/B testing`, "Inbox/Inbox", "完了/二〇二五", "..",
			"%2F", "O'Neil & Söhne", "null", "Inbox/newsletters", "مهم", "RE: FW: RE:", "Projects/" + "a very long name that somebody once pasted here instead of a subject, and that nobody has dared to shorten since",
		},
		shared: []string{"Helpdesk", "Accounts Payable", "Careers", "Reception", "Press", "Facilities", "Orders", "Complaints"},
		rooms:  []string{"Room Ada", "Room Turing", "Room Curie", "Salle Ampère", "Raum Größe", "会議室 一", "Boardroom", "Phone box 3"},
		phrases: []phrasebook{
			{
				greeting: "Hello %s,", closing: "Best wishes",
				topics: []string{"Update on %s", "%s: open points", "Who looks after %s?", "Minutes: %s", "Budget for %s", "Draft for %s", "%s, next steps", "Can we talk about %s?"},
				sentences: []string{
					"The numbers for %s came in this morning.", "We are two days behind with %s, mostly because of the supplier.", "Could you have a look before Thursday?",
					"I have put the latest version into the usual folder.", "Nobody has told the warehouse about %s yet.", "If it is all right with you, I'll confirm it tomorrow.",
					"The customer asked for a call next week.", "Please keep this to yourselves for now.", "That is more than we planned, but less than last year.",
					"I spoke to the team in Bilbao, and they agree.", "Let's leave %s out of the report this time.", "There are still three open questions in the list.",
					"Thanks for the quick answer.", "The attachment from last week had the wrong totals.", "I am out of the office on Friday.",
				},
			},
			{
				greeting: "Hallo %s,", closing: "Viele Grüße",
				topics:    []string{"Stand bei %s", "Rückfrage zu %s", "%s: nächste Schritte"},
				sentences: []string{"Zu %s fehlen uns noch die Zahlen aus Köln.", "Könntest du bis Freitag drüberschauen?", "Die Lieferung verzögert sich um eine Woche.", "Ich habe die Übersicht geändert und abgelegt.", "Das müssen wir größer denken."},
			},
			{
				greeting: "Bonjour %s,", closing: "Bien à vous",
				topics:    []string{"Point sur %s", "%s : dernière version", "Réunion au sujet de %s"},
				sentences: []string{"Le dossier %s n'a pas avancé depuis lundi.", "Pouvez-vous me relire d'ici à jeudi ?", "Le client a déjà été prévenu.", "Je vous envoie la suite cet après-midi.", "C'est noté, merci."},
			},
			{
				greeting: "%sさん", closing: "よろしくお願いいたします。",
				topics:    []string{"%sの件", "【確認】%sについて", "%sの打ち合わせ"},
				sentences: []string{"%sの資料を更新しました。", "木曜日までにご確認ください。", "先方にはまだ連絡していません。", "詳細は添付をご覧ください。"},
			},
		},
	}
}
