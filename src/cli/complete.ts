import type { Command } from 'commander'

export const SHELLS = ['bash', 'zsh', 'fish'] as const

/** What may stand where the last word is typed: commands and options by their definitions, tasks where a task is meant. */
export async function complete(program: Command, words: readonly string[], tasks: () => Promise<readonly string[]>): Promise<string[]> {
  const typed = words.at(-1) ?? ''
  let command = program
  let isTaskWanted = false
  for (const word of words.slice(0, -1)) {
    const below = command.commands.find((one) => one.name() === word)
    if (below) {
      command = below
      isTaskWanted = word === 'run' || word === 'dev'
    } else if (!word.startsWith('-')) isTaskWanted = false
  }
  const previous = words.at(-2) ?? ''
  const valued = command.options.find(
    (option) => (option.short === previous || option.long === previous) && (option.required || option.optional),
  )
  if (valued) return matching(valued.argChoices ?? [], typed)
  if (typed.startsWith('-'))
    return matching(
      command.options.flatMap((option) => option.long ?? []),
      typed,
    )
  const names = command.commands.filter((one) => one.name() !== 'complete').map((one) => one.name())
  return matching([...names, ...(isTaskWanted ? await tasks() : [])], typed)
}

function matching(candidates: readonly string[], typed: string): string[] {
  return candidates.filter((candidate) => candidate.startsWith(typed)).toSorted()
}

/** The lines that a shell's start-up file evaluates. */
export function completionScript(shell: (typeof SHELLS)[number]): string {
  return scripts[shell]
}

const scripts: Record<(typeof SHELLS)[number], string> = {
  bash: `# eval "$(cowait completion bash)"
_cowait() {
  local IFS=$'\\n' line=\${COMP_LINE:0:COMP_POINT}
  local words
  IFS=' ' read -r -a words <<<"$line"
  [[ $line == *' ' ]] && words+=('')
  local typed=\${words[\${#words[@]}-1]}
  COMPREPLY=($(cowait complete -- "\${words[@]:1}" 2>/dev/null))
  # Readline takes a colon for the end of a word.
  [[ $typed == *:* ]] && COMPREPLY=("\${COMPREPLY[@]#"\${typed%:*}:"}")
}
complete -o default -F _cowait cowait
`,
  zsh: `# eval "$(cowait completion zsh)"
_cowait() {
  local -a found
  found=("\${(@f)$(cowait complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n $found ]]; then compadd -a found; else _files; fi
}
compdef _cowait cowait
`,
  fish: `# cowait completion fish | source
complete -c cowait -a '(cowait complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
}
