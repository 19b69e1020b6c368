/** A connection to the program in a pod, whichever way it goes. */
export interface PodStream {
  /** `onWritten` is called when the bytes have left this process, or never will. */
  write(bytes: Uint8Array, onWritten?: () => void): void
  destroy(): void
  onData: (bytes: Buffer) => void
  /** Once, with what is known of the cause. */
  onEnd: (why: string) => void
}
