// The journal looks for new requests every second, unless somebody reads one that is open.
"use strict";
const table = document.getElementById("requests");
const pause = document.getElementById("pause");
async function refresh() {
  if (!pause.checked && !table.querySelector("details[open]")) {
    try {
      const answer = await fetch(location.href);
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        table.replaceChildren(...page.getElementById("requests").children);
      }
    } catch {
      return; // the emulator has ended
    }
  }
  setTimeout(refresh, 1000);
}
if (table) {
  pause.parentElement.hidden = false;
  setTimeout(refresh, 1000);
}
