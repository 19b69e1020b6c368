/** What people see of a stack: their own frames, not those of this package and of Node's insides. */
import { fileURLToPath } from 'node:url'

const ownFolder = fileURLToPath(import.meta.url).replace(/(.*[\\/](?:dist|src)[\\/]).*/s, '$1')
const ownUrl = import.meta.url.replace(/(.*\/(?:dist|src)\/).*/s, '$1')

/** Where the code was brought to a place of its own, and not run beside the user's files. */
const isDelivered = /^file:\/\/\/(?:cowait|tmp\/\.cowait\/program)\//.test(ownUrl)

/** The frames of a stack, one a line. */
export function userFrames(stack: string): string[] {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line) && !isInside(line))
  const named = frames.map((line) => line.replace(/at (async )?<anonymous> \((.*)\)$/, (_, how = '', place) => `at ${how}${place}`))
  return isDelivered ? named.map(deliveredFrame) : named
}

/**
 * Source maps lead from a tree to the user's file some folders above it. Delivered code has none above: they end at the root of the file
 * system, and what stands there is relative to the project.
 */
export function deliveredFrame(line: string): string {
  return line.replace(
    /(at (?:async )?|\()(?:file:\/\/)?\/(?!(?:cowait|node_modules|usr|opt|tmp|home|root|var|proc)\/)(?=[^()]*:\d+:\d+\)?$)/,
    '$1',
  )
}

function isInside(line: string): boolean {
  return /\(?node:(?:internal|async_hooks|events|timers)/.test(line) || line.includes(ownFolder) || line.includes(ownUrl)
}

/** Whether a file, as its URL or path, is one of this package. */
export function isOwnFile(file: string): boolean {
  return file.startsWith(ownFolder) || file.startsWith(ownUrl)
}

/** What stands before the frames: the name and the message. */
export function headOf(stack: string): string {
  const at = stack.search(/\n\s+at /)
  return at === -1 ? stack : stack.slice(0, at)
}

/** `main (main.ts:3:5)` of the first frame, if there is one. */
export function firstFrame(stack: string): string | undefined {
  const [line] = userFrames(stack)
  return line?.trim().replace(/^at (?:async )?/, '')
}

const MAX_CAUSES = 8

/** Takes the frames that are not the user's out of an error and its causes, before it leaves the process. Never throws. */
export function cleanStack(thrown: unknown): void {
  let error = thrown
  for (let depth = 0; depth <= MAX_CAUSES; depth++) {
    try {
      if (!(error instanceof Error)) return
      const { stack } = error
      if (typeof stack === 'string') setStack(error, [headOf(stack), ...userFrames(stack)].join('\n'))
      error = error.cause
    } catch {
      return
    }
  }
}

export function setStack<E extends Error>(error: E, stack: string): E {
  return Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true, enumerable: false })
}
