/** How a call ended, as one line: `5 unable to locate invoice`, or `OK`. */
export async function statusOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "OK";
  } catch (error) {
    const { code, details } = error as { code?: number; details?: string };
    if (code === undefined) throw error;
    return `${code} ${details}`;
  }
}
