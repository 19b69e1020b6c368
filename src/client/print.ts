/** What a script's own terminal shows of its runs: their log lines on stderr, with the run's id in front. */
import { inspect } from 'node:util'
import type { RunEvent } from '../core/events.ts'
import { fieldsText, levelWord } from './log-words.ts'

type LogEvent = Extract<RunEvent, { type: 'log' }>

export class Printer {
  /** Whose line is not at its end yet. */
  #open: Pick<LogEvent, 'run' | 'stream'> | undefined

  event(event: RunEvent): void {
    if (event.type === 'log') this.#log(event)
    else if (event.type === 'notice') print(`${this.#end()}${event.run} | ${event.text}\n`)
    else if (event.type === 'dropped') print(`${this.#end()}${event.run} | ... ${event.lines} lines were dropped: this process was busy\n`)
    else if (event.type === 'settled' && event.run === this.#open?.run) print(this.#end())
  }

  #log(event: LogEvent): void {
    const { run, stream, text, more } = event
    const goesOn = this.#open?.run === run && this.#open.stream === stream
    const level = levelWord(event)
    const before = goesOn ? '' : `${this.#end()}${run} | ${level && `${level} `}`
    const fields = more ? '' : fieldsText(event)
    print(`${before}${text}${fields && ` ${fields}`}${more ? '' : '\n'}`)
    this.#open = more ? { run, stream } : undefined
  }

  /** What ends the line that is open. */
  #end(): string {
    const isOpen = this.#open !== undefined
    this.#open = undefined
    return isOpen ? '\n' : ''
  }
}

export function printFailure(error: Error): void {
  print(`A call failed and nobody looked at it:\n${inspect(error)}\n`)
}

function print(text: string): void {
  process.stderr.write(text)
}
