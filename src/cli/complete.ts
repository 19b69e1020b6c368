import type { Command, Option } from 'commander'

/** What only a look at the project and at the living runs can tell. */
export interface CompletionSources {
  tasks(typed: string): Promise<readonly string[]>
  /** The keys of the inputs of the task that was named. */
  inputs(task: string): Promise<readonly string[]>
  clusters(): Promise<readonly string[]>
  recorded(): Promise<readonly string[]>
  living(): Promise<readonly string[]>
}

/** What may stand where the last word is typed; nothing where files may. A candidate that ends with `=` goes on. */
export async function complete(program: Command, words: readonly string[], sources: CompletionSources): Promise<string[]> {
  const typed = words.at(-1) ?? ''
  const { command, positionals, option, isOver } = placeOf(program, words.slice(0, -1))
  if (isOver) return []
  const [, flag, value] = /^(--[\w-]+=)(.*)$/s.exec(typed) ?? []
  if (!option && flag !== undefined && value !== undefined) {
    const valued = valuedOption(command, flag.slice(0, -1))
    return valued ? matching(await valuesOf(valued, positionals, sources), value).map((one) => flag + one) : []
  }
  const candidates = option
    ? await valuesOf(option, positionals, sources)
    : typed.startsWith('-')
      ? [...command.options.filter(({ hidden }) => !hidden).flatMap(({ long }) => long ?? []), '--help']
      : await wordsOf(command, positionals.length, typed, sources)
  return matching(candidates, typed)
}

interface Place {
  readonly command: Command
  readonly positionals: readonly string[]
  /** Its value is typed. */
  readonly option?: Option
  /** What follows belongs to another program. */
  readonly isOver: boolean
}

function placeOf(program: Command, words: readonly string[]): Place {
  let command = program
  let positionals: string[] = []
  let option: Option | undefined
  for (const word of words) {
    if (option) option = undefined
    else if (word.startsWith('-') && word !== '-') option = valuedOption(command, word)
    else {
      const below = positionals.length === 0 ? command.commands.find((one) => one.name() === word) : undefined
      if (below) command = below
      else positionals = [...positionals, word]
    }
  }
  const isOver = PASSING.has(command.name()) && positionals.length > 0
  return { command, positionals, ...(option && { option }), isOver }
}

const PASSING: ReadonlySet<string> = new Set(['exec', 'shell'])

function valuedOption({ options }: Command, flag: string): Option | undefined {
  return options.find(({ short, long, required, optional }) => (short === flag || long === flag) && (required || optional))
}

async function valuesOf(option: Option, [task]: readonly string[], sources: CompletionSources): Promise<readonly string[]> {
  if (option.argChoices) return option.argChoices
  if (option.long === '--engine') return ['process', 'docker', 'kubernetes']
  if (option.long === '--cluster') return await sources.clusters()
  if (option.long === '--input' && task !== undefined) return (await sources.inputs(task)).map((key) => `${key}=`)
  return []
}

const RECORDED: ReadonlySet<string> = new Set(['logs', 'inspect', 'report'])

async function wordsOf(command: Command, index: number, typed: string, sources: CompletionSources): Promise<readonly string[]> {
  if (command.commands.length > 0) return command.commands.map((one) => one.name()).filter((name) => name !== 'complete')
  const { registeredArguments: all } = command
  const argument = all[index] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined)
  if (argument?.argChoices) return argument.argChoices
  if (argument?.name() === 'task') return await sources.tasks(typed)
  if (argument?.name() !== 'run') return []
  return RECORDED.has(command.name()) ? await sources.recorded() : await sources.living()
}

function matching(candidates: readonly string[], typed: string): string[] {
  return [...new Set(candidates)].filter((candidate) => candidate.startsWith(typed)).toSorted()
}
