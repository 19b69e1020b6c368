import { show } from './show.ts'

/** Why something was cancelled, in words; `otherwise` where nobody said why. Never throws. */
export function reasonText(reason: unknown, otherwise: string): string {
  if (reason === undefined || reason === null) return otherwise
  if (typeof reason === 'string') return reason
  return isError(reason) ? String(reason.message) : show(reason)
}

/** Asks without the throwing of a proxy that cannot be looked at. */
export function isError(reason: unknown): reason is Error {
  try {
    return reason instanceof Error
  } catch {
    return false
  }
}
