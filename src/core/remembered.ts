/** What `make` comes to, made once: for whoever asks while it is being made, and from then on. A failure is forgotten: who asks next has another try. */
export function remembered<A extends unknown[], T>(make: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  let made: Promise<T> | undefined
  return (...args) => {
    if (made) return made
    const making = (made = make(...args))
    making.catch(() => (made = undefined))
    return making
  }
}
