// What is chosen, as the part of the address behind #: a link that shows the same to somebody else.

const USUAL = { colour: "d2min", top: 1000, rest: "fade", cut: "none", at: 500, gain: 50, end: false, arrows: false, walls: true, keep: false };

// What a link leaves out is as usual.
export function readLink() {
  const found = { ...USUAL };
  for (const [name, text] of new URLSearchParams(location.hash.slice(1))) {
    if (name === "stage") found.stage = Number(text);
    else if (name === "rule") found.rule = text;
    else if (Object.hasOwn(USUAL, name)) {
      const usual = USUAL[name];
      found[name] = typeof usual === "boolean" ? text === "true" : typeof usual === "number" ? Number(text) : text;
    }
  }
  return found;
}

export function writeLink(state, usualRule) {
  const query = new URLSearchParams({ stage: state.stage });
  for (const [name, usual] of Object.entries(USUAL)) if (state[name] !== usual) query.set(name, state[name]);
  if (state.rule !== usualRule) query.set("rule", state.rule);
  history.replaceState(null, "", `#${query}`);
}
