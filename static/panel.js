// What the pages do beyond plain HTML: theme switch, menus, dialogs, copy buttons.
// Each page works without this file; nothing here knows a rule about SMS.
"use strict";

// Theme.

const THEMES = ["light", "dark"];

function storedTheme() {
  try {
    return localStorage.getItem("theme") || "system";
  } catch {
    return "system";
  }
}

function showTheme(theme) {
  if (THEMES.includes(theme)) document.documentElement.dataset.bsTheme = theme;
  else delete document.documentElement.dataset.bsTheme;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
}

function chooseTheme(theme) {
  try {
    if (THEMES.includes(theme)) localStorage.setItem("theme", theme);
    else localStorage.removeItem("theme");
  } catch {
    // Storage may be switched off: the choice then lasts as long as the page.
  }
  showTheme(theme);
}

// Tabs: on a narrow screen the present one may stand outside of the row that is seen.

document
  .querySelector(".tabs [aria-current]")
  ?.scrollIntoView({ block: "nearest", inline: "center" });

// Menus: <details class="menu">, which open without script.

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

function placeMenu(menu) {
  menu.classList.remove("menu-up");
  const list = menu.querySelector(".menu-list").getBoundingClientRect();
  const above = menu.getBoundingClientRect().top;
  menu.classList.toggle("menu-up", list.bottom > window.innerHeight && above > list.height);
}

function moveInMenu(menu, step) {
  const items = [...menu.querySelectorAll(".menu-item")];
  const at = items.indexOf(document.activeElement);
  const next = at < 0 && step < 0 ? items.length - 1 : at + step;
  items[(next + items.length) % items.length]?.focus();
}

document.addEventListener(
  "toggle",
  ({ target }) => {
    if (!target.matches("details.menu") || !target.open) return;
    closeMenus(target);
    placeMenu(target);
  },
  true, // toggle does not bubble
);

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu") ?? document.querySelector("details.menu[open]");
  if (!menu?.open) return;
  if (event.key === "Escape") {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    moveInMenu(menu, event.key === "ArrowDown" ? 1 : -1);
  }
});

// Dialogs: a link or form with data-dialog loads its page into <dialog id="dialog">.

const dialog = document.getElementById("dialog");
const content = document.getElementById("dialog-content");
const FIELD = "input:not([type=hidden], [readonly], :disabled), select, textarea";
let opener = null;
let typed = false;
let pressedBackdrop = false;

function load(source, method, address) {
  // A link in the dialog goes with its content: the focus returns to what opened the first one.
  if (!dialog.open) opener = source.closest("details.menu")?.querySelector("summary") ?? source;
  closeMenus();
  htmx.ajax(method, address, { source, target: content, swap: "innerHTML" });
}

function postThroughHtmx(form, address) {
  // Not form.method: a field of that name would stand in its place.
  if (form.getAttribute("method") !== "post") return;
  form.setAttribute("hx-post", form.getAttribute("action") || address);
  form.setAttribute("hx-target", "#dialog-content");
  form.setAttribute("hx-swap", "innerHTML");
  form.setAttribute("hx-disabled-elt", "find [type=submit]");
  htmx.process(form);
}

function focusFirst() {
  const fields = [...content.querySelectorAll(FIELD)];
  const wrong = fields.find((field) => field.classList.contains("is-invalid"));
  (wrong ?? fields[0] ?? content.querySelector(".dialog-body .btn"))?.focus();
}

function failureNotice(text) {
  const notice = document.createElement("p");
  notice.className = "alert alert-danger";
  notice.setAttribute("role", "alert");
  notice.textContent = text;
  return notice;
}

function tellFailure() {
  content.querySelector(".alert-danger[role=alert]")?.remove();
  content.querySelector(".dialog-body")?.prepend(failureNotice(dialog.dataset.failed));
}

function mayCloseByAccident() {
  return !typed && !content.querySelector("[data-keep]");
}

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target !== content) return;
  typed = detail.requestConfig.verb === "post";
  for (const form of content.querySelectorAll("form")) {
    postThroughHtmx(form, detail.pathInfo.finalRequestPath);
  }
  showCounts(content);
  if (!dialog.open) dialog.showModal();
});

document.addEventListener("htmx:afterSettle", ({ detail }) => {
  // Not sooner: htmx puts the focus back on the button that was pressed.
  if (detail.target === content) focusFirst();
});

for (const name of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(name, ({ detail }) => {
    if (detail.target !== content) return;
    if (dialog.open) tellFailure();
    // The page itself says what is wrong, better than a dialog that does not open.
    else if (detail.requestConfig.verb === "get") location.assign(detail.pathInfo.finalRequestPath);
  });
}

// A part that is asked for as one types says where there is none, instead of showing the one before.

const TOO_LARGE = 413;

for (const name of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(name, ({ detail: { target, xhr } }) => {
    if (!target.matches("[data-failed]")) return;
    const { tooLarge, failed } = target.dataset;
    target.replaceChildren(failureNotice(xhr.status === TOO_LARGE ? tooLarge : failed));
  });
}

dialog.addEventListener("input", () => {
  typed = true;
});

dialog.addEventListener("cancel", (event) => {
  if (content.querySelector("[data-keep]")) event.preventDefault();
});

dialog.addEventListener("pointerdown", (event) => {
  // Text selected by dragging out of a field ends on the backdrop and must not close.
  pressedBackdrop = event.target === dialog;
});

dialog.addEventListener("click", (event) => {
  if (event.target === dialog && pressedBackdrop && mayCloseByAccident()) dialog.close();
});

dialog.addEventListener("close", () => {
  const reload = content.querySelector("[data-keep]");
  content.replaceChildren();
  typed = false;
  opener?.focus();
  // What was shown once came from a change that the page beneath does not show yet.
  if (reload) location.reload();
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-dialog]");
  if (!form) return;
  event.preventDefault();
  load(form, form.getAttribute("method") || "get", form.getAttribute("action") || location.href);
});

// Buttons with data-busy say so and cannot be pressed again while their form is on its way.

document.addEventListener("submit", (event) => {
  const button = event.target.querySelector("[type=submit][data-busy]");
  if (!button || event.defaultPrevented) return;
  button.dataset.idle = button.textContent;
  button.textContent = button.dataset.busy;
  button.disabled = true;
});

addEventListener("pageshow", () => {
  // The browser may show the page again as it was left.
  for (const button of document.querySelectorAll("[data-idle]")) {
    button.textContent = button.dataset.idle;
    button.disabled = false;
  }
});

// Live counts: data-count is the most characters that the text of a field may have.

function showCount(field) {
  let count = field.parentElement.querySelector(".count");
  if (!count) {
    count = document.createElement("output");
    count.className = "count";
    count.htmlFor = field.id;
    field.after(count);
  }
  // By characters, as the server counts: an emoji is one.
  const has = [...field.value].length;
  count.textContent = `${has} / ${field.dataset.count}`;
  count.toggleAttribute("data-over", has > Number(field.dataset.count));
}

function showCounts(within) {
  for (const field of within.querySelectorAll("[data-count]")) showCount(field);
}

document.addEventListener("input", ({ target }) => {
  if (target.matches("[data-count]")) showCount(target);
});

// Copy buttons: data-copy names the element whose value or text is copied.

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  const text = source.value ?? source.textContent.trim();
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS browsers offer no clipboard: select the text and use the older way.
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    document.execCommand("copy");
    button.focus();
  }
  const label = button.querySelector("[data-copy-label]") ?? button;
  const before = label.textContent;
  label.textContent = button.dataset.copied;
  button.disabled = true;
  setTimeout(() => {
    label.textContent = before;
    button.disabled = false;
  }, 1500);
}

// Buttons with data-insert put a word into the text that was last typed in, where the cursor was.

let lastTyped = null;

document.addEventListener("focusin", ({ target }) => {
  if (target.matches("textarea, input[type=text]")) lastTyped = target;
});

function insert(word) {
  const shown = [...document.querySelectorAll("textarea")].filter((field) => field.offsetParent);
  const field = lastTyped?.isConnected ? lastTyped : shown[0];
  if (!field) return;
  field.focus();
  field.setRangeText(word, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// One listener for clicks, so that what htmx brings in later works too.

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  if (!at("details.menu")) closeMenus();
  if (at("[data-theme-choice]")) {
    chooseTheme(at("[data-theme-choice]").dataset.themeChoice);
    closeMenus();
  }
  if (at("[data-copy]")) copy(at("[data-copy]"));
  if (at("[data-insert]")) insert(at("[data-insert]").dataset.insert);
  if (at("[data-dismiss]")) at("[data-dismissable]").remove();
  // A click that asks for a new tab or window is the browser's.
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (at("[data-dialog-close]") && dialog.open) {
    event.preventDefault();
    dialog.close();
  }
  if (at("a[data-dialog]")) {
    event.preventDefault();
    load(at("a[data-dialog]"), "get", at("a[data-dialog]").getAttribute("href"));
  }
});

showCounts(document);
showTheme(storedTheme());
