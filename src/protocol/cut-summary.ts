import type { ErrorCause, ErrorSummary } from '../core/events.ts'

/** What people can be told in one piece. */
export const MAX_TEXT: number = 32 * 1024
const MAX_NAME = 256
const MAX_CAUSES = 8
const MAX_CAUSE = 4096
const MAX_STEPS = 64
const MAX_LINES = 20
export const MAX_LINE = 1024

/** An error's summary in a size that every frame and every record can carry. The error itself travels whole, as a value. */
export function cutSummary(error: ErrorSummary): ErrorSummary {
  const { name, message, stack, causes, path, exit, lastLines } = error
  return {
    ...error,
    name: cut(name, MAX_NAME),
    message: cut(message, MAX_TEXT),
    ...(stack === undefined ? {} : { stack: cut(stack, MAX_TEXT) }),
    ...(causes === undefined ? {} : { causes: causes.slice(0, MAX_CAUSES).map((cause) => cutCause(cause)) }),
    ...(path === undefined ? {} : { path: path.slice(-MAX_STEPS).map((step) => cutStep(step)) }),
    ...(exit?.detail === undefined ? {} : { exit: { ...exit, detail: cut(exit.detail, MAX_TEXT) } }),
    ...(lastLines === undefined ? {} : { lastLines: lastLines.slice(-MAX_LINES).map((line) => cut(line, MAX_LINE)) }),
  }
}

function cutCause({ name, message, stack }: ErrorCause): ErrorCause {
  return { name: cut(name, MAX_NAME), message: cut(message, MAX_CAUSE), ...(stack === undefined ? {} : { stack: cut(stack, MAX_CAUSE) }) }
}

function cutStep(step: NonNullable<ErrorSummary['path']>[number]): NonNullable<ErrorSummary['path']>[number] {
  return { ...step, task: cut(step.task, MAX_NAME), ...(step.at === undefined ? {} : { at: cut(step.at, MAX_LINE) }) }
}

export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 4)} ...` : text
}
