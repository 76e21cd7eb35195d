#!/usr/bin/env bash
# Asks /api/health and says what is wrong, for cron, a deploy or a person.
#
#   scripts/satrank-health-check.sh [URL]      else SATRANK_HEALTH_URL, else http://127.0.0.1:3000/api/health
#   ALERT_EMAIL         mails this address through msmtp when the verdict changes, and on recovery
#   HEALTH_STATE_FILE   where the last verdict is kept (default ~/.satrank-health)
#   HEALTH_TIMEOUT_SEC  seconds to wait for an answer (default 10)
#
# Exit codes: 0 healthy · 1 degraded, paid answers still work · 2 down or contradictory · 3 the check itself cannot run
set -euo pipefail

readonly URL="${1:-${SATRANK_HEALTH_URL:-http://127.0.0.1:3000/api/health}}"
readonly STATE_FILE="${HEALTH_STATE_FILE:-${HOME:-/root}/.satrank-health}"
readonly MAX_BYTES=65536

for tool in curl jq; do
  command -v "$tool" >/dev/null || {
    printf 'UNKNOWN: %s is not installed\n' "$tool"
    exit 3
  }
done

body=$(mktemp)
trap 'rm -f "$body"' EXIT
critical=()
warnings=()

# The body is kept whatever the status: a 503 says in it what is broken.
http=$(curl --silent --max-time "${HEALTH_TIMEOUT_SEC:-10}" --max-filesize "$MAX_BYTES" --proto '=http,https' \
  --header 'Accept: application/json' --output "$body" --write-out '%{http_code}' -- "$URL") || true

# A field of data as text; `missing` when it is not there. A value of false or 0 is there.
field() {
  jq -r --arg name "$1" '.data | if type == "object" and has($name) then .[$name] | tostring else "missing" end' "$body"
}

# A line for each connection to LND that is not as it should be: node, purpose, state, reasons.
sick_nodes() {
  jq -r '.data.lnd? // [] | if type == "array" then .[] else empty end | select(.status? == "down" or .status? == "degraded")
    | "lnd \(.node) \(.purpose) \(.status): \(.reasons // [] | join(", "))"' "$body"
}

judge() {
  local status schema expected
  [[ "$http" == 200 || "$http" == 503 ]] || critical+=("http $http")
  status=$(field status)
  case "$status" in
    ok) ;;
    degraded) warnings+=("status degraded") ;;
    *) critical+=("status $status") ;;
  esac
  [[ "$(field dbStatus)" == ok ]] || critical+=("dbStatus $(field dbStatus)")
  case "$(field lndStatus)" in
    ok) ;;
    missing) critical+=("lndStatus missing") ;;
    *) warnings+=("lndStatus $(field lndStatus)") ;;
  esac
  while IFS= read -r line; do warnings+=("$line"); done < <(sick_nodes)
  schema=$(field schemaVersion)
  expected=$(field expectedSchemaVersion)
  [[ "$schema" =~ ^[0-9]+$ && "$schema" == "$expected" ]] || critical+=("schemaVersion $schema, expected $expected")
  case "$(field scoringStale)" in
    false) ;;
    true) warnings+=("scoring stale, age $(field scoringAgeSec) s") ;;
    *) critical+=("scoringStale $(field scoringStale)") ;;
  esac
  [[ "$http" == 200 || ${#critical[@]} -gt 0 || ${#warnings[@]} -gt 0 ]] || critical+=("http $http with nothing wrong")
}

if [[ ! "$http" =~ ^[1-5][0-9][0-9]$ ]]; then
  critical+=("no answer from $URL")
elif ! jq -e 'type == "object"' "$body" >/dev/null 2>&1; then
  critical+=("http $http without a JSON body")
else
  judge
fi

code=0 word=OK
[[ ${#warnings[@]} -eq 0 ]] || code=1 word=DEGRADED
[[ ${#critical[@]} -eq 0 ]] || code=2 word=CRITICAL
problems=$(printf '%s; ' "${critical[@]}" "${warnings[@]}")
problems=${problems%; }
problems=${problems#; }
summary="$word: ${problems:-healthy}"
report=$(printf '%s\n%s\n%s' "$summary" "$URL http $http" "$(head -c "$MAX_BYTES" "$body")")
printf '%s\n' "$report"

# Mails a change of verdict once. Ages change by the second, so digits do not count as a change.
notify() {
  local now before
  now=$(tr -d '0-9' <<<"$summary")
  before=$(cat "$STATE_FILE" 2>/dev/null || tr -d '0-9' <<<"OK: healthy")
  [[ "$now" != "$before" ]] || return 0
  printf 'To: %s\nSubject: [satrank %s] %s\n\n%s\n' "$ALERT_EMAIL" "$(uname -n)" "$word" "$report" |
    msmtp -- "$ALERT_EMAIL" || {
    printf 'the mail could not be sent; it is tried again next time\n' >&2
    return 0
  }
  printf '%s\n' "$now" >"$STATE_FILE"
}

[[ -z "${ALERT_EMAIL:-}" ]] || notify
exit "$code"
