/** The few things pages do with a document. Text is only ever set as text: what strangers wrote cannot become markup. */

/** @throws Error when the page has no such element, which is a fault of ours */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${id}`);
}

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  text: string,
  className = "",
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  made.textContent = text;
  if (className !== "") made.className = className;
  return made;
}

/** Replaces what a result shows, and brings whoever listens or uses a keyboard there. */
export function show(result: HTMLElement, ...children: Node[]): void {
  result.replaceChildren(...children);
  result.focus();
}
