/** A number with a slider and two buttons beside it (`data-stepper`); the number is what is sent. */

function attach(box) {
  box.dataset.attached = "yes";
  const number = box.querySelector("input[type=number]");
  const slider = box.querySelector("input[type=range]");
  const show = () => {
    slider.max = Math.max(Number(slider.max), Number(number.value));
    slider.value = number.value;
  };
  const step = (by) => {
    number.value = Math.min(Number(number.max), Math.max(0, Number(number.value) + by));
    show();
  };
  number.addEventListener("input", show);
  slider.addEventListener("input", () => (number.value = slider.value));
  for (const button of box.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => step(Number(button.dataset.step)));
    button.hidden = false;
  }
  slider.hidden = false;
  show();
}

export function attachSteppers() {
  for (const box of document.querySelectorAll("[data-stepper]:not([data-attached])")) attach(box);
}
