// What each key does, except in fields for text.

const TURN = Math.PI / 24;

// `page` holds state, run, stages, curve, choose, set, nextColour and camera, which gives nothing before there are grains.
export function listenToKeys(page) {
  const { state, run, stages, curve, choose, set } = page;
  const keys = {
    ArrowLeft: () => choose(state.stage - 1), ArrowRight: () => choose(state.stage + 1),
    PageUp: () => choose(state.stage - 10), PageDown: () => choose(state.stage + 10),
    Home: () => choose(0), End: () => choose(stages.n - 1),
    f: () => set({ end: run.displacements && !state.end }), a: () => set({ arrows: run.displacements && !state.arrows }),
    "[": () => set({ top: Math.max(0, state.top - 50) }), "]": () => set({ top: Math.min(1000, state.top + 50) }),
    c: () => set({ colour: page.nextColour() }), "+": () => curve.zoom(0.5), "=": () => curve.zoom(0.5), "-": () => curve.zoom(2),
    0: () => page.camera()?.look("oblique"), "?": () => document.getElementById("help").showModal(),
  };
  const turned = {
    ArrowLeft: () => page.camera()?.turn(-TURN, 0), ArrowRight: () => page.camera()?.turn(TURN, 0),
    ArrowUp: () => page.camera()?.turn(0, TURN), ArrowDown: () => page.camera()?.turn(0, -TURN),
  };
  document.addEventListener("keydown", (event) => {
    // a checkbox uses the space bar alone
    const typed = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
    if (event.ctrlKey || event.metaKey || event.altKey || typed) return;
    const scrolls = event.target.closest(".scroll");
    const action = event.shiftKey && turned[event.key] ? turned[event.key] : keys[event.key];
    if (!action || (scrolls && ["PageUp", "PageDown", "Home", "End"].includes(event.key))) return;
    event.preventDefault();
    action();
  });
}
