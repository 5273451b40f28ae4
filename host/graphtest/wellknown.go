package graphtest

import "strings"

// standardFolder is a well-known folder that a new mailbox has.
type standardFolder struct {
	wellKnown string
	beyond    bool // outside the tree that lists show
	needed    bool // mail cannot be delivered, sent or deleted without it
}

// standardFolders are the well-known folders that a new mailbox has; see
// https://learn.microsoft.com/graph/api/resources/mailfolder. The others do not exist until something needs them: Graph answers 404.
func standardFolders() []standardFolder {
	return []standardFolder{
		{wellKnown: "inbox", needed: true},
		{wellKnown: "drafts", needed: true},
		{wellKnown: "sentitems", needed: true},
		{wellKnown: "deleteditems", needed: true},
		{wellKnown: "junkemail", needed: true},
		{wellKnown: "archive"},
		{wellKnown: "outbox", needed: true},
		{wellKnown: "conversationhistory"},
		{wellKnown: "recoverableitemsdeletions", beyond: true, needed: true},
	}
}

// rootFolder is the well-known name of the root.
const rootFolder = "msgfolderroot"

// isWellKnown reports whether a text, in lower case, is the well-known name of a folder, whether a mailbox has it or not.
func isWellKnown(name string) bool {
	switch name {
	case "archive", "clutter", "conflicts", "conversationhistory", "deleteditems", "drafts", "inbox", "junkemail", "localfailures",
		rootFolder, "outbox", "recoverableitemsdeletions", "scheduled", "searchfolders", "sentitems", "serverfailures", "syncissues":
		return true
	}
	return false
}

// folderTitles are the display names of the standard folders in the language of a locale, in the order of standardFolders; those of a
// language that is not here are English.
func folderTitles(locale string) []string {
	language, _, _ := strings.Cut(strings.ToLower(locale), "-")
	switch language {
	case "de":
		return []string{"Posteingang", "Entwürfe", "Gesendete Elemente", "Gelöschte Elemente", "Junk-E-Mail", "Archiv", "Postausgang", "Aufgezeichnete Unterhaltungen", "Deletions"}
	case "es":
		return []string{"Bandeja de entrada", "Borradores", "Elementos enviados", "Elementos eliminados", "Correo no deseado", "Archivo", "Bandeja de salida", "Historial de conversaciones", "Deletions"}
	case "fr":
		return []string{"Boîte de réception", "Brouillons", "Éléments envoyés", "Éléments supprimés", "Courrier indésirable", "Archive", "Boîte d’envoi", "Historique des conversations", "Deletions"}
	case "it":
		return []string{"Posta in arrivo", "Bozze", "Posta inviata", "Posta eliminata", "Posta indesiderata", "Archivio", "Posta in uscita", "Cronologia conversazioni", "Deletions"}
	case "ja":
		return []string{"受信トレイ", "下書き", "送信済みアイテム", "削除済みアイテム", "迷惑メール", "アーカイブ", "送信トレイ", "会話の履歴", "Deletions"}
	case "nl":
		return []string{"Postvak IN", "Concepten", "Verzonden items", "Verwijderde items", "Ongewenste e-mail", "Archief", "Postvak UIT", "Gespreksgeschiedenis", "Deletions"}
	case "pl":
		return []string{"Skrzynka odbiorcza", "Wersje robocze", "Elementy wysłane", "Elementy usunięte", "Wiadomości-śmieci", "Archiwum", "Skrzynka nadawcza", "Historia konwersacji", "Deletions"}
	case "pt":
		return []string{"Caixa de Entrada", "Rascunhos", "Itens Enviados", "Itens Excluídos", "Lixo Eletrônico", "Arquivo Morto", "Caixa de Saída", "Histórico de Conversa", "Deletions"}
	}
	return []string{"Inbox", "Drafts", "Sent Items", "Deleted Items", "Junk Email", "Archive", "Outbox", "Conversation History", "Deletions"}
}

// addStandardFolders gives a new mailbox its folders.
func (m *Mailbox) addStandardFolders(set mailboxSettings) {
	m.root = &folder{id: newID(idFolder, m.user.ID, rootFolder), name: "Top of Information Store", standard: true}
	m.folders[m.root.id] = m.root
	m.wellKnown[rootFolder] = m.root
	titles := folderTitles(set.locale)
	for i, standard := range standardFolders() {
		if set.without[standard.wellKnown] {
			continue
		}
		name := titles[i]
		if set.folderNames[standard.wellKnown] != "" {
			name = set.folderNames[standard.wellKnown]
		}
		f := &folder{id: newID(idFolder, m.user.ID, standard.wellKnown), name: name, parent: m.root, standard: true, beyond: standard.beyond}
		m.folders[f.id] = f
		m.wellKnown[standard.wellKnown] = f
		if !standard.beyond {
			m.root.children = append(m.root.children, f)
		}
	}
}
