import type { Output } from '../output.ts'

/**
 * The result alone: pretty on a terminal, compact JSON on a pipe; nothing for undefined. Where both streams are terminals they are
 * one to the eye, and what was written first is shown first.
 */
export async function writeResult(
  { stdout, stderr }: { readonly stdout: Output; readonly stderr: Output },
  output: unknown,
): Promise<void> {
  const text = resultText(output, stdout.isTerminal)
  if (text === undefined) return
  const isOneScreen = stdout.isTerminal && stderr.isTerminal
  if (isOneScreen) await stderr.flush()
  stdout.write(`${text}\n`)
  if (isOneScreen) await stdout.flush()
}

/** An item as a line of JSON. Resolves when the reader has taken it. */
export async function writeItem(stdout: Output, item: unknown): Promise<void> {
  stdout.write(`${JSON.stringify(item ?? null)}\n`)
  await stdout.flush()
}

export function resultText(output: unknown, pretty: boolean): string | undefined {
  if (output === undefined) return undefined
  return pretty ? JSON.stringify(output, null, 2) : JSON.stringify(output)
}
