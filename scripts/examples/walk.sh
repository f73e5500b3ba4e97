#!/usr/bin/env bash
# Walks through the API with curl alone: a token, an employer, a job, a link, an application, and its status as it changes.
# It needs nothing but bash, curl and sed. Where the daemon is, and who the employer is, comes from the environment:
#
#   ATSSYNC       the daemon's HTTP address, such as http://127.0.0.1:8080
#   TOKEN         a token with the scope admin: atssync tokens create walk --scope admin
#   API_KEY       the employer's key, as the ATS or its simulator shows it
#   ON_BEHALF_OF  the ATS user that everything is done as
#   ATS_JOB       the ATS's id of a job that takes applications; the first open one when left out
#   ACCOUNT       your id of the employer; acme when left out
#   SIMULATOR     the address of `atssync simulate greenhouse`, where the recruiter is played too; without it, move the
#                 candidate in the ATS when you are asked to
set -euo pipefail

for name in ATSSYNC TOKEN API_KEY ON_BEHALF_OF; do
  [ -n "${!name:-}" ] || { echo "set $name; the head of this script tells what it is" >&2; exit 2; }
done
ACCOUNT=${ACCOUNT:-acme}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { printf '\n== %s\n' "$*"; }

# call METHOD PATH [BODY [TOKEN]]: prints the answer. A refusal is a problem: it is shown, and ends the walk.
call() {
  local method=$1 path=$2 body=${3:-} token=${4:-$TOKEN} status
  local args=(--silent --show-error --max-time 90 --request "$method" --header "Authorization: Bearer $token"
    --output "$work/answer" --write-out '%{http_code}')
  [ -z "$body" ] || args+=(--header 'Content-Type: application/json' --data "$body")
  status=$(curl "${args[@]}" "$ATSSYNC$path")
  if [ "$status" -ge 400 ]; then
    printf '%s %s was refused with %s:\n' "$method" "$path" "$status" >&2
    cat "$work/answer" >&2
    return 1
  fi
  cat "$work/answer"
}

# pick KEY: the first text with that key in the JSON on standard input. A program parses it properly.
pick() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

# each START: every object that begins so, on a line of its own.
each() { sed "s/$1/\n&/g" | grep "^$1" || true; }

# read_statuses has them read now, and not at the next quarter of an hour.
read_statuses() {
  local tries
  for tries in 1 2 3 4 5; do
    call POST /v1/schedule/status/run && return
    echo "the pass runs already; once more in a second ($tries)" && sleep 1
  done
  return 1
}

step "Who answers"
call GET /v1/version

step "A token that may only submit, for the one account"
submitter=$(call POST /v1/tokens "{\"name\":\"walk-$$\",\"scopes\":[\"submit\"],\"accounts\":[\"$ACCOUNT\"]}" | pick secret)
echo "it begins with ${submitter:0:8} and is shown this once"

step "Connect $ACCOUNT: the credentials are checked first, and each finding is told"
connected=$(call POST /v1/connections \
  "{\"account\":\"$ACCOUNT\",\"adapter\":\"greenhouse\",\"fields\":{\"api_key\":\"$API_KEY\",\"on_behalf_of\":\"$ON_BEHALF_OF\"}}")
each '{"id":' <<<"${connected#*\"checks\":}"
connection=$(pick id <<<"$connected")
echo "the connection is $connection"

step "Tell about a job, and link it to the ATS's"
call PUT /v1/platform-jobs "{\"jobs\":[{\"id\":\"walk-job\",\"account\":\"$ACCOUNT\",\"title\":\"Backend Engineer\"}]}"
call POST "/v1/connections/$connection/jobs/refresh"
ATS_JOB=${ATS_JOB:-$(call GET "/v1/connections/$connection/jobs?open=true&limit=1" | pick id)}
call PUT "/v1/connections/$connection/job-links/walk-job" "{\"ats_job\":\"$ATS_JOB\",\"backlog\":{\"mode\":\"all\"}}"

step "Where the feed ends now"
cursor=$(call GET "/v1/events?connection=$connection&after=last" | pick next)
echo "after=$cursor"

external="walk-$(date +%s)-$$"
document=$(cat <<EOF
{"connection":"$connection","external_id":"$external","job":"walk-job",
 "person":{"first_name":"Ada","last_name":"Example","emails":[{"address":"ada.$external@example.com","type":"personal"}]},
 "answers":[{"question":"Why us?","answer":"Because of the work."}],
 "application_url":"https://platform.example.com/applications/$external"}
EOF
)

step "Would it go through? Nothing is created"
call POST /v1/submissions:preflight "$document" "$submitter"

step "Send it"
submission=$(call POST /v1/submissions "$document" "$submitter" | pick id)
echo "$submission"

step "Send it again, as after an answer that was lost: it is the same submission"
again=$(call POST /v1/submissions "$document" "$submitter")
echo "$again"
if [ "$(pick id <<<"$again")" != "$submission" ] || [ "$(pick result <<<"$again")" != unchanged ]; then
  echo "it is not" >&2
  exit 1
fi

# wait_for TYPE PATTERN: reads the feed by long polling until an event of the type and about the submission comes whose JSON
# has the pattern. The sequence rises by one each time, or something was missed.
wait_for() {
  local page event number tries
  for ((tries = 0; tries < 40; tries++)); do
    page=$(call GET "/v1/events?connection=$connection&after=$cursor&wait=15")
    while read -r event; do
      [ -n "$event" ] || continue
      number=${event#*\"sequence\":}
      number=${number%%,*}
      [ "$number" -eq $((cursor + 1)) ] || { echo "event $((cursor + 1)) was missed" >&2; return 1; }
      cursor=$number
      if [[ $event == *"\"type\":\"$1\""* && $event == *"$submission"* && $event == *$2* ]]; then
        echo "$event"
        return
      fi
    done < <(each '{"id":"evt_' <<<"$page")
  done
  echo "no $1 came" >&2
  return 1
}

step "Wait until the ATS has it"
wait_for submission.submitted '"receipt"'

step "Read the submission with its attempts"
call GET "/v1/submissions/$submission" "" "$submitter"

step "Have its status read for the first time"
read_statuses
wait_for application.status_changed '"status":"active"'

step "The recruiter moves the candidate, and the status is read again"
if [ -n "${SIMULATOR:-}" ]; then
  curl --silent --show-error --fail --request POST --data "{\"external_id\":\"$external\"}" "$SIMULATOR/control/do/advance" >/dev/null
  read_statuses
else
  echo "move the candidate Ada Example to another stage in the ATS; the next pass over the statuses finds it"
fi
wait_for application.status_changed '"stage_name"'

step "How the application is now"
call GET "/v1/applications/$submission"

printf '\nThat is all: %s went in once, and its status came back.\n' "$external"
