// Says so when an upload or the preview did not arrive: htmx itself only writes it into the console.
const show = (is_wrong) => { document.getElementById("trouble").hidden = !is_wrong; };
for (const kind of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(kind, () => show(true));
document.addEventListener("htmx:afterOnLoad", () => show(false));
// A second click would save a second draft.
document.addEventListener("submit", (event) => {
  if (event.target.id === "post") setTimeout(() => { for (const each of event.target.querySelectorAll("button")) each.disabled = true; });
});
// Puts a field where the cursor stands in a text; without scripts the button adds it at the end.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-insert]");
  if (!button) return;
  event.preventDefault();
  const text = document.getElementById(button.dataset.into);
  text.focus();
  text.setRangeText(button.dataset.insert, text.selectionStart, text.selectionEnd, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
});
