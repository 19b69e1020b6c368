import type { RunEvent } from '../core/events.ts'
import type { Channel } from '../protocol/channel.ts'
import type { Both, Down, Up } from '../protocol/messages.ts'
import { forReader } from './for-reader.ts'

/** Tells the caller of a run what happens to it; undefined: the past has been told. */
export function tellWatcher(
  channel: Channel<Up | Both, Down | Both>,
  address: { run: string; child: string },
  event: RunEvent | undefined,
): void {
  if (!event) return channel.send({ type: 'watched', ...address })
  const told = forReader(event, channel.bufferedBytes)
  if (told) channel.send({ type: 'event', child: address.child, event: told })
}
