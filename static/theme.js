// Chooses the theme before the first paint; panel.js draws the switch.
"use strict";

try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.bsTheme = theme;
} catch {
  // Storage may be switched off: the page then follows the system.
}
document.documentElement.classList.add("js");
