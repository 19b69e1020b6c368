/** A connection to the program in a pod, whichever way it goes. */
export interface PodStream {
  write(bytes: Uint8Array): void
  destroy(): void
  onData: (bytes: Buffer) => void
  /** Once, with what is known of the cause. */
  onEnd: (why: string) => void
}
