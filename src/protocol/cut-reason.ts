import type { CancelReason } from '../core/caller.ts'
import { cut } from './cut-summary.ts'

export const MAX_REASON = 4096

/** Why something is cancelled, in a size that every frame can carry: its text may be the message of any error. */
export function cutReason({ code, message }: CancelReason): CancelReason {
  return { code, message: cut(message, MAX_REASON) }
}
