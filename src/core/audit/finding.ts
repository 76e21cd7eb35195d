/** What a check found. */

/** `holds` is undefined when there was nothing to check it by. `detail` says what was seen, in words. */
export type Finding = { readonly name: string; readonly holds: boolean | undefined; readonly detail: string };

export const open = (name: string, detail: string): Finding => ({ name, holds: undefined, detail });
export const found = (name: string, holds: boolean, detail: string): Finding => ({ name, holds, detail });
