// Dragging a delivery to a day fills in its form. A draft is moved at once; of another one the form says first what that means.
let dragged = null;
const dayOf = (event) => dragged && event.target.closest?.(".day");
document.addEventListener("dragstart", (event) => { dragged = event.target.closest?.(".entry[draggable]"); });
document.addEventListener("dragend", () => {
  dragged = null;
  for (const day of document.querySelectorAll(".day.over")) day.classList.remove("over");
});
document.addEventListener("dragover", (event) => {
  const day = dayOf(event);
  if (!day) return;
  event.preventDefault();
  for (const one of document.querySelectorAll(".day.over")) if (one !== day) one.classList.remove("over");
  day.classList.add("over");
});
document.addEventListener("drop", (event) => {
  const day = dayOf(event);
  if (!day || day.contains(dragged)) return;
  event.preventDefault();
  const form = dragged.querySelector("form");
  form.elements.date.value = day.dataset.day;
  if (!form.querySelector(".warning")) { form.requestSubmit(); return; }
  dragged.querySelector("details").open = true;
  form.querySelector("button").focus();
});
