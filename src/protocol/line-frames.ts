/** What is said over the line between a run and its caller, on its way through a channel. */
import type { ErrorSummary } from '../core/events.ts'
import type { LineMessage } from '../core/line.ts'
import type { Encoded } from '../core/value.ts'
import type { Bodies } from './bodies.ts'
import type { Down, LineFrame, Up } from './messages.ts'

/** Whose line it is, as the end of a channel knows it: that of its run with its caller, or with one of its children. */
export interface LineAddress {
  readonly run: string
  readonly child?: string
}

/** Never throws: what cannot be sent ends as the channel ends. */
export function sendLine<In extends Up | Down>(bodies: Bodies<In, Up | Down>, { run, child }: LineAddress, message: LineMessage): void {
  const address = { run, ...(child === undefined ? {} : { child }) }
  if ('value' in message && message.value) {
    void bodies.sendValue({ ...message, ...address, value: message.value }).catch((error: Error) => {
      if (message.type === 'rpc-result') bodies.send(tooLargeResult({ ...message, ...address }, error))
    })
  } else bodies.send({ ...message, ...address } as LineFrame)
}

/** The message that a frame holds, with its value. */
export function lineOf(frame: LineFrame, value: Encoded | undefined): LineMessage {
  const { run: _run, child: _child, ...message } = frame
  return { ...message, ...(value ? { value } : {}) } as LineMessage
}

function tooLargeResult(message: { run: string; child?: string; call: number }, error: Error): LineFrame {
  const summary: ErrorSummary = { code: 'PAYLOAD_TOO_LARGE', name: error.name, message: error.message }
  const { run, child, call } = message
  return { type: 'rpc-result', run, ...(child === undefined ? {} : { child }), call, status: 'failed', error: summary }
}
