import { posix } from 'node:path'

/** The module that stands for a JSON file: its value as the default, its keys by name. */
export function jsonModuleCode(path: string, text: string): string {
  const names = jsonKeys(text).filter((name) => name !== 'default')
  return [
    'import { createRequire } from "node:module"',
    `const value = createRequire(import.meta.url)(${JSON.stringify(`./${posix.basename(path)}`)})`,
    'export default value',
    ...names.map((name, index) => `const _${index} = value[${JSON.stringify(name)}]; export { _${index} as ${JSON.stringify(name)} }`),
    '',
  ].join('\n')
}

function jsonKeys(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.keys(value).filter((key) => !/\p{Surrogate}/u.test(key))
      : []
  } catch {
    return []
  }
}
