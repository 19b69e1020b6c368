import type { Output } from '../output.ts'

/** The result alone: pretty on a terminal, compact JSON on a pipe; nothing for undefined. */
export function writeResult(stdout: Output, output: unknown): void {
  const text = resultText(output, stdout.isTerminal)
  if (text !== undefined) stdout.write(`${text}\n`)
}

export function resultText(output: unknown, pretty: boolean): string | undefined {
  if (output === undefined) return undefined
  return pretty ? JSON.stringify(output, null, 2) : JSON.stringify(output)
}
