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
# again with the same ids. find prints the images of exactly this name.
#
# Exit status: 0 accepted, done or found; 1 rejected, or the job failed; 2 unknown,
# the call may have been carried out: find the images before you create them again;
# 3 not sent; 4 the wait ended before the job, which may still run; 5 not found.
#
# In seconds: CIMG_PAUSE before the first poll, CIMG_GRACE for which the service may
# not know a job yet, CIMG_DEADLINE after which a wait gives up.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# send PATH [BODY]: sends one request. Sets $curl, its exit status, and $http. curl
# repeats nothing and follows no redirect; it reads the token from its input because
# anyone can see arguments.
send() {
	curl=0
	: >"$folder/body" >"$folder/header"
	path=$1
	shift
	http=$(printf 'Authorization: Bearer %s\n' "$CIMG_TOKEN" |
		curl --disable --silent --max-time 30 --max-filesize 4194304 --header @- ${1:+--header 'Content-Type: application/json' --data-raw "$1"} \
			--output "$folder/body" --dump-header "$folder/header" --write-out '%{http_code}' "$CIMG_URL$path") || curl=$?
}

# read_response PROGRAM [ARGUMENT...]: runs jq on the last response, which may be
# anything: $envelope is {} and $errno null unless it is an envelope.
read_response() {
	program=$1
	shift
	jq --raw-input --slurp --raw-output --argjson curl "$curl" --argjson http "${http:-0}" "$@" '
		def is_job: type == "object" and (.jobUuid | type == "string" and test("^[^,]+$"))
			and (.done | type == "boolean") and (.success | type == "boolean");
		def is_server_failure: $http >= 500 or $http == 408 or $http == 425;
		(try fromjson catch {} | if type == "object" then . else {} end) as $envelope
		| ($envelope.errno | if type == "number" and floor == . then . else null end) as $errno
		| ($envelope.data // []) as $data
		| ($curl == 0 and $http == 200 and $errno == 0) as $is_success
		| '"$program" "$folder/body"
}

describe() { read_response '"HTTP \($http), curl \($curl), errno \($errno) \($envelope.errmsg // "no envelope"), request \($envelope.requestId)"'; }

# fail STATUS MESSAGE
fail() {
	echo "$2" >&2
	exit "$1"
}

create() { # REGION SNAPSHOT NAME...
	body=$(jq --null-input '{regionId: $ARGS.positional[0], cimg: [$ARGS.positional[1] as $snapshot | $ARGS.positional[2:][] | {name: ., snapUuid: $snapshot}]}' --args "$@")
	send /dicloud/i/storage/cimg/create "$body"
	case $curl in 5 | 6 | 7) fail 3 "not sent: curl $curl" ;; esac # no connection
	outcome=$(read_response '
		if $is_success and ($data | type == "array" and length == $items and all(is_job) and (map(.jobUuid) | unique | length == $items)) then "accepted"
		elif $curl != 0 or ($data | type | IN("array", "object")) and ($data | length > 0) then "unknown"
		elif ($http | IN(401, 403, 429)) then "rejected"
		elif (is_server_failure | not) and ($errno | IN(1, 4, 13, 41017, 41026, 1000011, 1100020, 10000001, 16000002)) then "rejected"
		else "unknown" end' --argjson items $(($# - 2)))
	case $outcome in
	accepted) read_response '$data[].jobUuid' ;;
	rejected) fail 1 "rejected: $(describe)" ;;
	*) fail 2 "unknown: $(describe); jobs $(read_response '[$data | if type == "array" then .[] else empty end | select(is_job).jobUuid] | join(" ")')" ;;
	esac
}

wait_for() { # REGION JOB
	pause=${CIMG_PAUSE:-1} deadline=$(($(date +%s) + ${CIMG_DEADLINE:-3600})) missing_since=
	while :; do
		retry_after=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,9\}\)[^0-9]*$/\1/p' "$folder/header" 2>/dev/null | tail -n 1)
		[ "${retry_after:-0}" -le "$pause" ] || pause=$retry_after
		[ $(($(date +%s) + pause)) -le "$deadline" ] || fail 4 "gave up waiting for job $2"
		sleep "$pause"
		pause=$(((pause * 3 + 1) / 2))
		[ "$pause" -le 60 ] || pause=60
		send "/dicloud/i/result?regionId=$1&jobUuids=$2"
		state=$(read_response '
			if $is_success and ($data | type == "array") then
				[$data[] | select(is_job and .jobUuid == $id)] | sort_by(.done) | last
				| if . == null then "missing" elif .done | not then "running" elif .success then "done" else "failed" end
			elif $curl != 0 or $http == 429 or is_server_failure or ($errno | IN(2, 3, 40000)) then "transient"
			elif $http == 401 or $errno == 4 then "rejected"
			elif ($http | IN(400, 404, 413, 414, 431, 494)) or ($errno | IN(1, 13, 41017, 41026, 16000002)) then "missing"
			elif $http == 403 or ($errno != null and $errno != 0) then "rejected"
			else "transient" end' --arg id "$2")
		case $state in
		done) read_response '[$data[] | select(is_job and .jobUuid == $id and .done)] | last | .resourceUuid' --arg id "$2"; return ;;
		failed) fail 1 "job $2 failed: $(read_response '[$data[] | select(is_job and .jobUuid == $id and .done)] | last | .result' --arg id "$2")" ;;
		rejected) fail 4 "the poll of job $2 was rejected: $(describe)" ;;
		missing)
			missing_since=${missing_since:-$(date +%s)}
			[ $(($(date +%s) - missing_since)) -le "${CIMG_GRACE:-30}" ] || fail 4 "job $2 not found: $(describe)"
			;;
		running) missing_since= ;;
		esac
	done
}

find_images() { # REGION NAME
	known=0 start=0
	: >"$folder/images"
	# The provider's table has a bare array where the captured response has a page.
	page='($data | if type == "object" then .items else . end)'
	while :; do
		send /dicloud/i/storage/cimg/list "$(jq --null-input '{regionId: $region, start: $start, limit: 100, condition: {names: [$name]}}' --arg region "$1" --arg name "$2" --argjson start "$start")"
		[ "$(read_response "\$is_success and \$envelope.data != null and ($page | type == \"array\")")" = true ] || fail 2 "cannot list: $(describe)"
		read_response "$page[] | tojson" >>"$folder/images"
		count=$(jq --slurp 'unique_by(.cimgUuid) | length' "$folder/images")
		[ "$count" -gt "$known" ] || break # until a page brings no new one: what count counts is not published
		known=$count
		start=$((start + $(read_response "$page | length")))
	done
	jq --slurp --exit-status --raw-output 'unique_by(.cimgUuid)[] | select(.name == $name).cimgUuid' --arg name "$2" "$folder/images" || exit 5
}

command=$1
shift
case $command in
create) create "$@" ;;
wait)
	region=$1
	shift
	for job; do wait_for "$region" "$job"; done
	;;
find) find_images "$@" ;;
*) fail 64 "usage: create REGION SNAPSHOT NAME..., wait REGION JOB... or find REGION NAME" ;;
esac
