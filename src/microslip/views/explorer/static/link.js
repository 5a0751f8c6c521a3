// The reader's choices in the address behind #, so that a link shows another reader the same.

const USUAL = { colour: "d2min", top: 1000, rest: "fade", cut: "none", at: 500, gain: 50, end: false, arrows: false, walls: true, keep: false };

// Choices that a link leaves out have their usual values.
export function readLink() {
  const state = { ...USUAL };
  for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
    if (name === "stage") state.stage = Number(text);
    else if (name === "rule") state.rule = text;
    else if (Object.hasOwn(USUAL, name)) {
      const usual = USUAL[name];
      state[name] = typeof usual === "boolean" ? text === "true" : typeof usual === "number" ? Number(text) : text;
    }
  }
  return state;
}

export function writeLink(state, usualRule) {
  const query = new URLSearchParams({ stage: state.stage });
  for (const [name, usual] of Object.entries(USUAL)) if (state[name] !== usual) query.set(name, state[name]);
  if (state.rule !== usualRule) query.set("rule", state.rule);
  history.replaceState(null, "", `#${query}`);
}
