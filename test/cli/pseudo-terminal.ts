import { spawn, spawnSync, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { cleanEnvironment, program } from './cowait.ts'

/** util-linux and BSD have one each; they take their arguments in another order. */
export const hasScript: boolean = spawnSync('script', ['--version']).status === 0

export const COLUMNS = 91
export const ROWS = 33

/** A start of the command line on a terminal of its own, with somebody who types. */
export class PseudoTerminal {
  text = ''
  readonly ended: Promise<number | null>
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  #onText: (() => void)[] = []

  constructor(args: readonly string[], { cwd, env = {} }: { cwd: string; env?: NodeJS.ProcessEnv }) {
    const command = [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ')
    this.#child = spawn('script', ['-qec', `stty columns ${COLUMNS} rows ${ROWS}; exec ${command}`, '/dev/null'], {
      cwd,
      env: { ...cleanEnvironment(), TERM: 'xterm', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.text += text
      for (const resolve of this.#onText.splice(0)) resolve()
    })
    this.ended = once(this.#child, 'close').then(([code]) => code as number | null)
  }

  type(keys: string): void {
    this.#child.stdin.write(keys)
  }

  /** Resolves when the terminal has shown the text. Rejects when the command ends before. */
  async shows(text: string): Promise<void> {
    const over = this.ended.then((code) => {
      if (!this.text.includes(text)) throw new Error(`ended with ${code} before it showed ${JSON.stringify(text)}:\n${this.text}`)
    })
    while (!this.text.includes(text)) await Promise.race([over, new Promise<void>((resolve) => this.#onText.push(resolve))])
  }
}

/** Works in a shell that has just been opened, as a person would, and leaves it with exit code 7. */
export async function workInShell(shell: PseudoTerminal): Promise<void> {
  // What is typed is shown too, so what is waited for must be worked out.
  // By the program that is to be interrupted: a moment earlier the shell would take Ctrl-C for itself, and go on waiting.
  shell.type("stty size; sh -c 'echo ready$((6 * 7)); exec sleep 1000'\r")
  await shell.shows('ready42')
  shell.type('\u0003echo alive$((6 * 8)); exit 7\r')
  await shell.shows('alive48')
}
