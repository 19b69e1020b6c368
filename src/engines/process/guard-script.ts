/**
 * What the guard runs, in plain `sh` (dash, bash, busybox): see `guardArguments`.
 *
 * 1. Its standard input is the life line: the supervisor writes `+ GROUP.START` and `- GROUP.START`, where START is when the kernel
 *    started the group's leader; the end of it means that the supervisor is gone. It is never told to end in another way than by
 *    SIGKILL, so it ignores what a closing terminal sends.
 * 2. Workers see the end of their channels at the same moment and have 2 s. The first look comes after a quarter of a second: a
 *    process that was just being forked must have become a worker by then.
 * 3. A group is only killed while its number is still ours: its leader was started when the supervisor said, or has ended (then the
 *    number is held by its remains, by the rest of the group, or by nobody). The mark would not do: the environment of a process with
 *    more rights, as of a Node with file capabilities, is hidden.
 * 4. A shell that cannot fork, at the limit of processes, exits. Before that the groups are killed, which takes no process; then
 *    the script begins again in the same process, with room to fork.
 * 5. A process in the middle of `exec` shows no environment, so that no mark is left counts when it was seen three times.
 * 6. Variables are told apart by NUL. The grep of Alpine's busybox has no `-z` and takes NUL for the end of a line; one that has it
 *    needs it. Asking takes one process: a pipe of which only a part can be forked would leave a zombie at each try.
 * 7. The private folder goes with the supervisor's process, not with the life line alone.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM USR1 USR2 ALRM PIPE TSTP TTIN TTOU
PATH=/usr/bin:/bin:$PATH
folder=$1 mark=$2 supervisor=$3 script=$4 tries=$5 groups=' '
while read -r word group; do
  case $word in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
[ -d /proc/self/task ] && linux=1 || linux=

begin_again() {
  for group in $groups; do kill -9 "-\${group%.*}"; done
  [ "$tries" -eq 0 ] || exec /bin/sh -c 'eval "$4"' guard "$folder" "$mark" "$supervisor" "$script" $((tries - 1)) </dev/null
}
trap begin_again EXIT

grep -qszF -e PATH= /proc/self/environ && nul=z || nul=
find_marked() {
  pids=
  [ "$linux" ] || return 0
  paths=$(printf '%s\\n' /proc/[0-9]*/environ | xargs grep "-lsF$nul" -e "$mark")
  case $? in 0 | 123) ;; *) exit 1 ;; esac
  for path in $paths; do
    path=\${path#/proc/}
    pids="$pids \${path%/environ}"
  done
}
is_living() {
  [ "$linux" ] || { kill -0 "$1"; return; }
  read -r stat <"/proc/$1/stat" || return 1
  case \${stat##*) } in [ZX]*) return 1 ;; esac
}
is_ours() {
  [ "$linux" ] && read -r stat <"/proc/\${1%.*}/stat" || return 0
  set -- "\${1#*.}" \${stat##*) }
  [ "$1" = "\${21}" ]
}
is_held() {
  [ "$linux" ] || { kill -0 "-\${1%.*}"; return; }
  is_living "\${1%.*}" && is_ours "$1"
}
is_any_left() {
  find_marked
  [ -z "$pids" ] || return 0
  for group in $groups; do
    is_held "$group" && return 0
  done
  return 1
}
nap() { sleep "$1" || sleep 1; }

turn=0
while nap 0.25 && [ $turn -lt 7 ] && is_any_left; do turn=$((turn + 1)); done
turn=0 clear=0
while [ $turn -lt 100 ]; do
  for group in $groups; do is_ours "$group" && kill -9 "-\${group%.*}"; done
  find_marked
  [ "$pids" ] && clear=0 || clear=$((clear + 1))
  [ $clear -lt 3 ] || break
  [ -z "$pids" ] || kill -9 $pids
  nap 0.05
  turn=$((turn + 1))
done
turn=0
while is_living "$supervisor" && [ $turn -lt 8 ]; do nap 0.25; turn=$((turn + 1)); done
is_living "$supervisor" || rm -rf -- "$folder"
trap - EXIT
`

const TRIES = 200

/** The arguments of `/bin/sh`. */
export function guardArguments(folder: string, mark: string, supervisor: number): string[] {
  return ['-c', 'eval "$4"', 'guard', folder, mark, String(supervisor), SCRIPT, String(TRIES)]
}
