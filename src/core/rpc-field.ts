const mark = '~rpc'

/** A method of a task class that its caller may call. */
export type RpcField<F> = F & { readonly [mark]: true }

/**
 * Makes a field of a task class callable by the run's caller: `add = rpc((n: number) => (this.count += n))`.
 * The method runs beside `run()`; an async generator is an `AsyncIterable` for the caller.
 */
export function rpc<F extends (...args: never[]) => unknown>(method: F): RpcField<F> {
  if (typeof method !== 'function')
    throw new TypeError(`rpc() takes a function; it got ${typeof method}. Write add = rpc((n: number) => ...).`)
  return Object.defineProperty(method, mark, { value: true }) as RpcField<F>
}

export function isRpcField(value: unknown): value is RpcField<(...args: unknown[]) => unknown> {
  return typeof value === 'function' && Object.hasOwn(value, mark)
}
