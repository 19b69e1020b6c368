import { atCallerLine } from './caller-line.ts'
import { show } from './show.ts'

type Word = (...args: never[]) => unknown

/** The runs that a word was given, as a list. What is no list is refused at the line that called the word. */
export function runList(runs: unknown, word: Word): unknown[] {
  if (typeof runs === 'object' && runs !== null && Symbol.iterator in runs) return [...(runs as Iterable<unknown>)]
  throw notRuns(runs, word, 'a list of runs')
}

/** The same for words that would wait forever for one of nothing. */
export function nonEmptyRunList(runs: unknown, word: Word): unknown[] {
  const list = runList(runs, word)
  if (list.length > 0) return list
  throw atCallerLine(new TypeError(`${word.name}() got an empty list: there is nothing that could come first.`), word)
}

export function notRuns(runs: unknown, word: Word, needed: string): TypeError {
  return atCallerLine(new TypeError(`${word.name}() takes ${needed}; it got ${show(runs)}. Write ${word.name}([first(), second()]).`), word)
}
