// Light or dark: as the reader's system has it, or as chosen with the button and kept by the browser.

const KEPT = "microslip-theme";

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
}

// The colours of the page that drawings need, as [red, green, blue].
export function pageColours() {
  const style = getComputedStyle(document.documentElement);
  const rgb = (name) => style.getPropertyValue(`--${name}`).trim().match(/[0-9a-f]{2}/gi).map((two) => parseInt(two, 16));
  return { paper: rgb("paper"), ink: rgb("ink"), none: rgb("none"), wall: rgb("wall") };
}

export function showTheme(button) {
  button.textContent = isDark() ? "Light" : "Dark";
  button.setAttribute("aria-pressed", String(isDark()));
}

// Calls `changed` whenever the theme does.
export function listenToTheme(button, changed) {
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem(KEPT, theme);
    } catch {
      // a browser without storage starts with the system's theme again
    }
    changed();
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

try {
  const kept = localStorage.getItem(KEPT);
  if (kept) document.documentElement.dataset.theme = kept;
} catch {
  // as above
}
