# deploy: progress and result, for people and programs. Its functions use what automation/deploy.sh has set: role, action,
# hosts, work and the like.
# shellcheck shell=bash

# What it sets.
failed_hosts='' work='' hosts=()

show_progress() {
  local i line='' stage
  local -A count=()
  [[ -t 2 ]] || return 0
  for i in "${!hosts[@]}"; do
    stage=$(<"$work/$i/stage")
    count[$stage]=$((${count[$stage]-0} + 1))
  done
  for stage in waiting checking copying starting 'waiting for data' 'going back' rollback remove ok failed; do
    [[ -z ${count[$stage]-} ]] || line+="${line:+, }${count[$stage]} $stage"
  done
  if ((${#hosts[@]} <= 20)); then
    # A line a host, redrawn in place.
    [[ -z ${drawn-} ]] || printf '\033[%dA' "${#hosts[@]}" >&2
    drawn=yes
    for i in "${!hosts[@]}"; do printf '\r\033[K  %-30s %s\n' "${hosts[i]}" "$(<"$work/$i/stage")" >&2; done
  else
    progress "$line"
  fi
}

report() {
  local i state text
  for i in "${!hosts[@]}"; do
    IFS=$'\t' read -r state text <"$work/$i/result"
    jq -cn --arg host "${hosts[i]}" --arg client "$(cat "$work/$i/client" 2>/dev/null || true)" --arg state "$state" \
      --arg text "$text" '$ARGS.named'
  done >"$work/all"
  if [[ -n $json ]]; then
    jq -s . <"$work/all"
    return
  fi
  for i in "${!hosts[@]}"; do
    IFS=$'\t' read -r state text <"$work/$i/result"
    if [[ $state == ok ]]; then state=$(paint 1 green 'ok    '); else state=$(paint 1 red FAILED); fi
    printf '%s  %-28s %s\n' "$state" "${hosts[i]}" "$text"
  done
  say "$((${#hosts[@]} - failed_hosts)) of ${#hosts[@]} done in $1 s"
}
