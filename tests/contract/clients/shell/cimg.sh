#!/bin/sh
# Creates images on DiDi Cloud and waits for them, with curl and jq alone:
#
#     export CIMG_URL=http://127.0.0.1:8080 CIMG_TOKEN=...
#     sh cimg.sh create gz 3fd352092a3f553cb124223f6a7f09b4 web-01
#     sh cimg.sh wait gz JOB...
#     sh cimg.sh find gz web-01
#
# create starts an image of each name, in one request that is never repeated, and
# prints the job ids: save them. wait prints the image of each job, and may be run
# again with the same ids; it polls one job after the other, which suits a few. find
# prints the images of exactly this name. It looks until there is one, for some
# minutes, because a new image may be listed late.
#
# Exit status: 0 accepted, done or found; 1 not sent, or another error; 2 wrong usage;
# 3 rejected; 4 a job failed; 5 unknown: the call may have been carried out, or a job
# may still run, or there is no such image yet; 6 timed out, the jobs may still run.
#
# In whole seconds: CIMG_PAUSE before the first poll, CIMG_GRACE for which the service
# may not know a job yet, CIMG_DEADLINE after which wait gives up, CIMG_WINDOW for find.
set -eu
LC_ALL=C

warn() { printf 'cimg.sh: %s\n' "$1" >&2; }

# fail STATUS MESSAGE
fail() {
	status=$1
	warn "$2"
	exit
}

# What ends the script unexpectedly, once something was sent, leaves an outcome unknown.
unforeseen=1
folder=$(mktemp -d)
: >"$folder/header" # of no response yet
trap 'rm -rf "$folder"; exit "${status:-$unforeseen}"' EXIT
trap 'fail "$unforeseen" interrupted' HUP INT TERM

# send PATH [BODY]: sends one request. Sets $curl, its exit status, and $http. curl
# repeats nothing and follows no redirect; it reads the token from its input because
# anyone can see arguments.
send() {
	curl=0 unforeseen=5
	: >"$folder/body" >"$folder/header"
	path=$1
	shift
	http=$(printf 'Authorization: Bearer %s\n' "$CIMG_TOKEN" |
		curl --disable --silent --max-time 30 --max-filesize 4194304 --header @- ${1:+--header 'Content-Type: application/json' --data-raw "$1"} \
			--output "$folder/body" --dump-header "$folder/header" --write-out '%{http_code}' "${CIMG_URL%/}$path") || curl=$?
	case $curl in 1 | 3) fail 2 "CIMG_URL is not the URL of a service that curl can call: nothing was sent, curl $curl" ;; esac
}

# read_response PROGRAM [ARGUMENT...]: runs jq on the last response, which may be
# anything: $envelope is {} and $errno null unless it is an envelope.
read_response() {
	program=$1
	shift
	jq --raw-input --slurp --raw-output --argjson curl "$curl" --argjson http "${http#00}" "$@" '
		def is_job: type == "object" and (.jobUuid | type == "string" and test("^[^,]+$"))
			and (.done | type == "boolean") and (.success | type == "boolean");
		def is_server_failure: $http >= 500 or $http == 408 or $http == 425;
		(try fromjson catch {} | if type == "object" then . else {} end) as $envelope
		| ($envelope.errno | if type == "number" and floor == . then . else null end) as $errno
		| ($envelope.data // []) as $data
		| ($curl == 0 and $http == 200 and $errno == 0) as $is_success
		| def job($id): [$data[] | select(is_job and .jobUuid == $id)] | sort_by(.done) | last;
		'"$program" "$folder/body"
}

describe() {
	read_response 'if $curl != 0 then "no response, curl \($curl)"
		else "HTTP \($http), " + if $errno == null then "no envelope" else "errno \($errno) \($envelope.errmsg // "without errmsg"), request \($envelope.requestId // "without id")" end end'
}

# rest END: sleeps, longer each time, and as long as the last response asks for in
# Retry-After. Fails if that ends after END.
rest() {
	retry_after=$(jq --raw-input --slurp '[split("\r\n")[] | capture("^retry-after: *(?<value>.*)$"; "i").value] | last // "0"
		| if test("^[0-9]+$") then tonumber else try (strptime("%a, %d %b %Y %H:%M:%S GMT") | mktime - now | ceil) catch 0 end
		| [., 1000000000] | min' "$folder/header")
	[ "$retry_after" -le "$pause" ] || pause=$retry_after
	[ $(($(date +%s) + pause)) -le "$1" ] || return 1
	sleep "$pause"
	pause=$((pause * 3 / 2 + 1))
	[ "$pause" -le 60 ] || pause=60
}

create() { # REGION SNAPSHOT NAME...
	body=$(jq --null-input '{regionId: $ARGS.positional[0], cimg: [$ARGS.positional[1] as $snapshot | $ARGS.positional[2:][] | {name: ., snapUuid: $snapshot}]}' --args -- "$@")
	send /dicloud/i/storage/cimg/create "$body"
	case $curl in 5 | 6 | 7 | 35 | 60) fail 1 "not sent: curl $curl" ;; esac # no connection
	outcome=$(read_response '
		if $is_success and ($data | type == "array" and length == $items and all(is_job) and (map(.jobUuid) | unique | length == $items)) then "accepted"
		elif $curl != 0 or ($data | type | IN("array", "object")) and ($data | length > 0) then "unknown"
		elif ($http | IN(401, 403, 429)) then "rejected"
		elif (is_server_failure | not) and ($errno | IN(1, 4, 13, 41017, 41026, 1000011, 1100020, 10000001, 16000002)) then "rejected"
		else "unknown" end' --argjson items $(($# - 2)))
	case $outcome in
	accepted) read_response '$data[].jobUuid' ;;
	rejected) fail 3 "rejected: $(describe)" ;;
	*) fail 5 "unknown: $(describe); jobs $(read_response '[$data | if type == "array" then .[] else empty end | select(is_job).jobUuid] | join(" ")')" ;;
	esac
}

wait_for() { # REGION JOB...
	region=$1 ends=$(($(date +%s) + deadline)) failed=
	shift
	while [ $# -gt 0 ]; do
		pause=$first_pause missing_since= image= state=
		until [ "$state" = done ] || [ "$state" = failed ]; do
			rest "$ends" || fail 6 "gave up waiting; left: $*"
			send "/dicloud/i/result?$(jq --null-input --raw-output '$ARGS.positional | map(@uri) | "regionId=\(.[0])&jobUuids=\(.[1])"' --args -- "$region" "$1")"
			state=$(read_response '
				if $is_success and ($data | type == "array") then
					job($id) | if . == null then "missing" elif .done | not then "running" elif .success then "done" else "failed" end
				elif $curl != 0 or $http == 429 or is_server_failure or ($errno | IN(2, 3, 40000)) then "transient"
				elif $http == 401 or $errno == 4 then "rejected"
				elif ($http | IN(400, 404, 413, 414, 431, 494)) or ($errno | IN(1, 13, 41017, 41026, 16000002)) then "missing"
				elif $http == 403 or ($errno != null and $errno != 0) then "rejected"
				else "transient" end' --arg id "$1")
			case $state in
			running | done)
				missing_since=
				named=$(read_response 'job($id).resourceUuid | strings' --arg id "$1")
				image=${named:-$image} # a later response may lack it
				;;
			rejected) fail 5 "the poll was rejected: $(describe); left: $*" ;;
			missing)
				missing_since=${missing_since:-$(date +%s)}
				[ $(($(date +%s) - missing_since)) -lt "$grace" ] || fail 5 "job $1 not found: $(describe); left: $*"
				;;
			esac
		done
		if [ "$state" = failed ]; then
			failed=4
			warn "job $1 failed: $(read_response 'job($id).result // "no reason given"' --arg id "$1")"
		elif [ -z "$image" ]; then
			failed=${failed:-1}
			warn "job $1 succeeded, but does not name its image: find it by its name"
		else
			printf '%s\n' "$image"
		fi
		shift
	done
	status=${failed:-0}
}

# list REGION NAME: prints the images of exactly this name. Fails if there is none, or
# the list cannot be read: $why says.
list() {
	known=0 start=0
	: >"$folder/images"
	# The provider's table has a bare array where the captured response has a page.
	page='($data | if type == "object" then .items else . end)'
	while :; do
		send /dicloud/i/storage/cimg/list "$(jq --null-input '{regionId: $region, start: $start, limit: 100, condition: {names: [$name]}}' --arg region "$1" --arg name "$2" --argjson start "$start")"
		why="cannot list: $(describe)"
		[ "$(read_response "\$is_success and \$envelope.data != null and ($page | type == \"array\")")" = true ] || return 1
		read_response "$page[] | tojson" >>"$folder/images"
		count=$(jq --slurp 'unique_by(.cimgUuid) | length' "$folder/images")
		[ "$count" -gt "$known" ] || break # until a page brings no new one: what count counts is not published
		known=$count
		start=$((start + $(read_response "$page | length")))
	done
	why="no image is named $2 yet"
	jq --slurp --exit-status --raw-output 'unique_by(.cimgUuid)[] | select(.name == $name).cimgUuid' --arg name "$2" "$folder/images"
}

find_images() { # REGION NAME
	pause=$first_pause ends=$(($(date +%s) + window))
	until list "$@"; do
		rest "$ends" || fail 5 "$why"
	done
}

for tool in curl jq; do
	command -v "$tool" >/dev/null || fail 1 "$tool is not installed"
done
is_url() {
	case $1 in *[!!-~]*) return 1 ;; esac
	printf '%s\n' "$1" | grep -Eiqx 'https?://([a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]+\])(:[0-9]+)?(/[^?#]*)?'
}
is_url "${CIMG_URL:-}" || fail 2 "CIMG_URL is not the URL of a service"
case ${CIMG_TOKEN:-} in '' | *[!!-~]*) fail 2 "CIMG_TOKEN is empty, or has a character that is invalid in a header" ;; esac
first_pause=${CIMG_PAUSE:-1} grace=${CIMG_GRACE:-30} deadline=${CIMG_DEADLINE:-3600} window=${CIMG_WINDOW:-300}
for seconds in "$first_pause" "$grace" "$deadline" "$window"; do
	case $seconds in *[!0-9]* | 0?* | ??????????*) fail 2 "CIMG_PAUSE, CIMG_GRACE, CIMG_DEADLINE and CIMG_WINDOW are whole numbers of seconds, not '$seconds'" ;; esac
done
usage() {
	status=2
	cat >&2 <<-END
		usage: sh cimg.sh create REGION SNAPSHOT NAME...
		       sh cimg.sh wait REGION JOB...
		       sh cimg.sh find REGION NAME
	END
	exit
}
for argument; do
	[ -n "$argument" ] || usage
done
command=${1:-}
[ $# -eq 0 ] || shift
case $command in
create)
	[ $# -ge 3 ] || usage
	create "$@"
	;;
wait)
	[ $# -ge 2 ] || usage
	wait_for "$@"
	;;
find)
	[ $# -eq 2 ] || usage
	find_images "$@"
	;;
*) usage ;;
esac
status=${status:-0}
