// What makes the pages quicker where scripts run; without it everything works the same.
"use strict";

const found = document.getElementById("trouble") || document.querySelector("[aria-invalid=true]");
if (found) found.focus();

// A form is sent once: a second press finds its button at rest.
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button:not([type=button])")) {
    setTimeout(() => { button.disabled = true; });
  }
});
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload(); // what a page said may no longer hold
});

// A menu closes when the focus or a press goes elsewhere, and by Escape.
for (const menu of document.querySelectorAll("details.who")) {
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// A link to an action opens it.
const open = () => {
  const asked = location.hash && document.getElementById(location.hash.slice(1));
  if (asked instanceof HTMLDetailsElement) {
    asked.open = true;
    const first = asked.querySelector("input:not([type=hidden]), select, button");
    if (first) first.focus();
  }
};
addEventListener("hashchange", open);
open();
