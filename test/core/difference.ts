/** Where two values differ, written as a path and what is there; undefined when they are equal to the last bit of detail. */
export function difference(actual: unknown, expected: unknown, path = 'value'): string | undefined {
  if (typeof expected !== 'object' || expected === null) {
    return Object.is(actual, expected) ? undefined : `${path}: ${String(actual)} instead of ${String(expected)}`
  }
  if (typeof actual !== 'object' || actual === null) return `${path}: ${String(actual)} instead of an object`
  if (classOf(actual) !== classOf(expected)) return `${path}: ${classOf(actual)} instead of ${classOf(expected)}`
  if (Array.isArray(expected)) return ofArrays(actual as unknown[], expected as unknown[], path)
  if (expected instanceof Map) return ofArrays([...(actual as Map<unknown, unknown>)].flat(), [...expected].flat(), `${path} (Map)`)
  if (expected instanceof Set) return ofArrays([...(actual as Set<unknown>)], [...expected], `${path} (Set)`)
  if (expected instanceof Error) return ofErrors(actual as Error, expected, path)
  if (expected instanceof Date) return difference((actual as Date).getTime(), expected.getTime(), `${path} (Date)`)
  if (expected instanceof URL || expected instanceof RegExp) return difference(String(actual), String(expected), path)
  if (expected instanceof ArrayBuffer) return difference(hex(actual as ArrayBuffer), hex(expected), path)
  if (ArrayBuffer.isView(expected)) return difference(hexOfView(actual as ArrayBufferView), hexOfView(expected), path)
  return ofRecords(actual as Record<string, unknown>, expected as Record<string, unknown>, path)
}

function classOf(value: object): string {
  const prototype = Object.getPrototypeOf(value) as object | null
  return prototype === null ? 'Object' : prototype.constructor.name
}

function ofArrays(actual: unknown[], expected: unknown[], path: string): string | undefined {
  if (actual.length !== expected.length) return `${path}: ${actual.length} items instead of ${expected.length}`
  for (let i = 0; i < expected.length; i++) {
    if (i in actual !== i in expected) return `${path}[${i}]: a hole on one side only`
    const found = difference(actual[i], expected[i], `${path}[${i}]`)
    if (found) return found
  }
  return undefined
}

/** Keys whose value is undefined are dropped on the way, as in JSON. */
function ofRecords(actual: Record<string, unknown>, expected: Record<string, unknown>, path: string): string | undefined {
  const keys = Object.keys(expected).filter((key) => expected[key] !== undefined)
  const found = difference(Object.keys(actual).toSorted(), keys.toSorted(), `${path} (keys)`)
  if (found) return found
  for (const key of keys) {
    const inside = difference(actual[key], expected[key], `${path}.${key}`)
    if (inside) return inside
  }
  return undefined
}

function ofErrors(actual: Error, expected: Error, path: string): string | undefined {
  for (const key of ['name', 'message', 'stack', 'cause', 'errors'] as const) {
    const [a, b] = [actual, expected] as unknown as [Record<string, unknown>, Record<string, unknown>]
    if (Object.hasOwn(a, key) !== Object.hasOwn(b, key)) return `${path}.${key}: on one side only`
    const found = difference(a[key], b[key], `${path}.${key}`)
    if (found) return found
  }
  return ofRecords(Object.fromEntries(Object.entries(actual)), Object.fromEntries(Object.entries(expected)), path)
}

function hex(buffer: ArrayBufferLike): string {
  return Buffer.from(buffer).toString('hex')
}

function hexOfView(view: ArrayBufferView): string {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('hex')
}
