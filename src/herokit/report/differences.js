// Word difference of two texts, by the algorithm of Myers (1986).
const MAX_EDITS = 3000;

const toWords = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];

/** Return [kind, text] pieces: "=" is in both, "-" only in the first, "+" only in the second. */
function diffWords(first, second) {
  const [a, b] = [toWords(first), toWords(second)];
  let start = 0;
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const middle = diffMiddle(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const pieces = [["=", a.slice(0, start)], ...middle, ["=", a.slice(a.length - end)]];
  const merged = [];
  for (const [kind, words] of pieces) {
    if (!words.length) continue;
    if (merged.at(-1)?.[0] === kind) merged.at(-1)[1] += words.join("");
    else merged.push([kind, words.join("")]);
  }
  return merged;
}

function diffMiddle(a, b) {
  let reach = new Map([[1, 0]]);
  const history = [];
  for (let edits = 0; edits <= a.length + b.length; edits++) {
    if (edits > MAX_EDITS) return [["-", a], ["+", b]];
    history.push(new Map(reach));
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && reach.get(k - 1) < reach.get(k + 1));
      let x = down ? reach.get(k + 1) : reach.get(k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return traceBack(a, b, history);
    }
  }
  return [];
}

function traceBack(a, b, history) {
  const pieces = [];
  let [x, y] = [a.length, b.length];
  for (let edits = history.length - 1; edits >= 0; edits--) {
    const reach = history[edits];
    const k = x - y;
    const down = k === -edits || (k !== edits && reach.get(k - 1) < reach.get(k + 1));
    const before = down ? k + 1 : k - 1;
    const beforeX = edits ? reach.get(before) : 0;
    const beforeY = edits ? beforeX - before : 0;
    while (x > beforeX && y > beforeY) {
      pieces.push(["=", [a[--x]]]);
      y--;
    }
    if (edits) pieces.push(down ? ["+", [b[--y]]] : ["-", [a[--x]]]);
  }
  return pieces.reverse();
}
