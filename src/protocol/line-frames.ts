/** What is said over the line between a run and its caller, on its way through a channel. */
import { CowaitError } from '../core/errors.ts'
import type { ErrorSummary } from '../core/events.ts'
import { YIELDS, type LineMessage } from '../core/line.ts'
import type { Encoded } from '../core/value.ts'
import type { Bodies } from './bodies.ts'
import type { Down, LineFrame, Up } from './messages.ts'

/** Whose line it is, as the end of a channel knows it: that of its run with its caller, or with one of its children. */
export interface LineAddress {
  readonly run: string
  readonly child?: string
}

/**
 * Never throws. Of a value that is too large for the channel nothing is sent: `hear` gets what this end is told of that, with the reason,
 * and the other end is told by a frame. What else cannot be sent ends as the channel ends.
 */
export function sendLine<In extends Up | Down>(
  bodies: Bodies<In, Up | Down>,
  { run, child }: LineAddress,
  message: LineMessage,
  hear: (message: LineMessage, error: Error) => void,
): void {
  const address = { run, ...(child === undefined ? {} : { child }) }
  if (!('value' in message) || !message.value) return bodies.send({ ...message, ...address } as LineFrame)
  const refusal = bodies.refusal(run, message.value.data.length)
  if (!refusal) return void bodies.sendValue({ ...message, ...address, value: message.value })
  const { asker, answerer } = ofLostValue(message, refusal)
  if (message.type === 'rpc') hear(asker, refusal)
  else if (message.call !== YIELDS) bodies.send({ ...asker, ...address } as LineFrame)
  if (answerer) hear(answerer, refusal)
}

/** The message that a frame holds, with its value. */
export function lineOf(frame: LineFrame, value: Encoded | undefined): LineMessage {
  const { run: _run, child: _child, ...message } = frame
  return { ...message, ...(value ? { value } : {}) } as LineMessage
}

/** A frame's value did not arrive: `hear` gets what this end is told of that, `send` what the other one is. */
export function loseLine(frame: LineFrame, error: Error, hear: (message: LineMessage) => void, send: (message: LineMessage) => void): void {
  const { asker, answerer } = ofLostValue(frame, error)
  if (frame.type === 'rpc') send(asker)
  else hear(asker)
  if (answerer) send(answerer)
}

/** A call whose value is lost, on its way there or back, has failed; its stream, if it has one, ends at both ends. */
function ofLostValue(message: LineMessage | LineFrame, lost: Error): { readonly asker: LineMessage; readonly answerer?: LineMessage } {
  const { call } = message
  const known = message.type === 'rpc-result' && message.status === 'failed' ? message.error : undefined
  const error: ErrorSummary = known ?? { code: lost instanceof CowaitError ? lost.code : 'ENGINE', name: lost.name, message: lost.message }
  const asker: LineMessage = { type: 'rpc-result', call, status: 'failed', error }
  return message.type === 'items' ? { asker, answerer: { type: 'leave', call } } : { asker }
}
