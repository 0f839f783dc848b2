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

// What is found while somebody types goes when they go elsewhere, and by Escape.
const find = document.querySelector("form.find");
if (find) {
  const box = document.getElementById("found");
  const empty = () => { box.replaceChildren(); };
  find.addEventListener("focusout", (event) => { if (!find.contains(event.relatedTarget)) empty(); });
  find.addEventListener("keydown", (event) => {
    const links = [...box.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "Escape") { empty(); find.q.focus(); }
    else if (event.key === "ArrowDown" && links.length) { event.preventDefault(); links[Math.min(at + 1, links.length - 1)].focus(); }
    else if (event.key === "ArrowUp" && at >= 0) { event.preventDefault(); (at ? links[at - 1] : find.q).focus(); }
  });
}
