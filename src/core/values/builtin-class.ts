import { types } from 'node:util'
import { codeOfClass } from './binary-types.ts'

const classes: readonly (abstract new (...args: never[]) => object)[] = [Date, Map, Set, RegExp, URL, ArrayBuffer, Buffer]
const names = new WeakMap<object, string>(classes.map((builtin) => [builtin.prototype as object, builtin.name]))

/** A literal's prototype, or one of another realm (a `vm` context, a test runner's sandbox). */
export function isPlainPrototype(prototype: object | null): boolean {
  if (prototype === null || prototype === Object.prototype) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf')
}

export function isArrayPrototype(prototype: object | null): boolean {
  return prototype === Array.prototype || (prototype !== null && nativeName(prototype) === 'Array')
}

/** The name of the built-in class that a value is a direct and true instance of, if any; a subclass is not. */
export function builtinClassOf(value: object): string | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (prototype === null) return undefined
  const name = names.get(prototype) ?? nativeName(prototype) ?? (String(value.constructor?.name) === 'URL' ? 'URL' : undefined)
  return name !== undefined && isTrue(value, name) ? name : undefined
}

function nativeName(prototype: object): string | undefined {
  const builtin: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  if (typeof builtin !== 'function' || builtin.prototype !== prototype) return undefined
  if (!Function.prototype.toString.call(builtin).endsWith('{ [native code] }')) return undefined
  names.set(prototype, builtin.name)
  return builtin.name
}

/** `Object.create(Date.prototype)` is no Date. */
function isTrue(value: object, name: string): boolean {
  switch (name) {
    case 'Date':
      return types.isDate(value)
    case 'Map':
      return types.isMap(value)
    case 'Set':
      return types.isSet(value)
    case 'RegExp':
      return types.isRegExp(value)
    case 'URL':
      return Object.prototype.toString.call(value) === '[object URL]' && URL.canParse(String(value))
    case 'ArrayBuffer':
      return types.isArrayBuffer(value)
    case 'Buffer':
      return Buffer.isBuffer(value)
    default:
      return ArrayBuffer.isView(value) && codeOfClass(name) !== undefined
  }
}

export function isError(value: object): value is Error {
  return types.isNativeError(value) || value instanceof Error || Object.prototype.toString.call(value) === '[object DOMException]'
}
