/** Load on one URL with rotating credentials: by wrk where it is installed, because it takes little of the processor; otherwise by autocannon. */
import { execFile, execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import autocannon from "autocannon";
export const LOAD_TOOL = hasWrk() ? "wrk" : "autocannon";
/** @throws when any answer was not a 2xx */
export function load(options) {
    return LOAD_TOOL === "wrk" ? loadByWrk(options) : loadByAutocannon(options);
}
function hasWrk() {
    try {
        execFileSync("wrk", ["-v"], { stdio: "ignore" });
    }
    catch (error) {
        // Asked for its version, it prints it and fails.
        return error.code !== "ENOENT";
    }
    return true;
}
async function loadByWrk({ url, connections, seconds, credentials }) {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "satrank-load-"));
    const script = path.join(directory, "load.lua");
    fs.writeFileSync(script, luaScript(credentials));
    try {
        const options = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, url];
        const { stdout } = await promisify(execFile)("wrk", options, { maxBuffer: 1 << 20 });
        const result = JSON.parse(/RESULT (.*)/.exec(stdout)?.[1] ?? "{}");
        if (result.failed !== 0)
            throw new Error(`${result.failed} answers were not what they should be:\n${stdout}`);
        return result;
    }
    finally {
        fs.rmSync(directory, { recursive: true });
    }
}
function luaScript(credentials) {
    return `
local credentials = { ${credentials.map((each) => JSON.stringify(each)).join(", ")} }
local requests, at = {}, 0
function init()
  for i, each in ipairs(credentials) do requests[i] = wrk.format("GET", nil, { ["Authorization"] = each }) end
  if #requests == 0 then requests[1] = wrk.format("GET") end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT {"perSecond": %f, "p50": %f, "p99": %f, "failed": %d}\\n', summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, e.connect + e.read + e.write + e.status + e.timeout))
end
`;
}
async function loadByAutocannon({ url, connections, seconds, credentials }) {
    const requests = credentials.map((authorization) => ({
        method: "GET",
        headers: { Authorization: authorization },
    }));
    const result = await autocannon({ url, connections, duration: seconds, ...(requests.length > 0 && { requests }) });
    if (result.non2xx > 0 || result.errors > 0)
        throw new Error(`${result.non2xx} answers other than 2xx, ${result.errors} errors`);
    return { perSecond: result.requests.average, p50: result.latency.p50, p99: result.latency.p99 };
}
//# sourceMappingURL=load.js.map