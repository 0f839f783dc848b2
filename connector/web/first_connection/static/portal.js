// What makes the pages nicer where scripts run; without it everything works the same.
"use strict";

const errors = document.getElementById("errors") || document.querySelector("[aria-invalid=true]");
if (errors) errors.focus();

const form = document.querySelector("form[data-show]");
if (form) {
  for (const input of form.querySelectorAll("input[type=password]")) reveal(input);
  if (form.dataset.check) checkAsTyped();
}

function reveal(input) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reveal";
  button.setAttribute("aria-controls", input.id);
  const label = () => {
    button.textContent = input.type === "password" ? form.dataset.show : form.dataset.hide;
  };
  button.addEventListener("click", () => {
    input.type = input.type === "password" ? "text" : "password";
    label();
  });
  form.addEventListener("submit", () => { input.type = "password"; });
  label();
  input.after(button);
}

// The server judges: it knows the rules, and there is one place for them.
function checkAsTyped() {
  const input = document.getElementById("new_password");
  const strength = form.querySelector(".strength");
  let timer;
  let asked = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 300);
  });
  if (input.value) ask(); // typed, or filled in by the browser, before this ran

  async function ask() {
    const number = ++asked;
    if (!input.value) return show({ checks: null, strength: null });
    const body = new URLSearchParams(new FormData(form));
    try {
      const answer = await fetch(form.dataset.check, { method: "POST", body });
      if (answer.ok && number === asked) show(await answer.json());
    } catch { /* the server checks again when the form is sent */ }
  }

  function show(found) {
    for (const item of form.querySelectorAll("[data-rule]")) {
      const state = item.querySelector(".state");
      const met = found.checks ? found.checks[item.dataset.rule] : undefined;
      item.className = met === undefined ? "" : met ? "met" : "broken";
      state.textContent = met === undefined ? "" : met ? state.dataset.met : state.dataset.broken;
    }
    const known = found.strength !== null;
    const word = strength.querySelector(".word");
    const words = strength.dataset.words.split("|");
    strength.hidden = !known;
    strength.dataset.level = known ? found.strength : "";
    word.textContent = known ? word.dataset.text.replace("{word}", words[found.strength]) : "";
  }
}
