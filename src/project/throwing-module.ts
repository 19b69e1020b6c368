import { problemText, type Problem } from './problem.ts'
import type { Format } from './source.ts'

/**
 * A module that throws what is wrong with it when it is imported. It has the names that the source seems to export:
 * without them Node would complain of a missing name, and never come to the mistake itself.
 */
export function throwingModule(source: string, problem: Problem, format: Format): string {
  const type = problem.type === 'syntax' ? 'SyntaxError' : 'Error'
  const text = problemText(problem)
  // Its own place would be a line that nobody wrote.
  const raise = `throw Object.assign(new ${type}(${JSON.stringify(text)}), { stack: ${JSON.stringify(`${type}: ${text}`)} })`
  const names = exportedNames(source)
  if (format === 'cjs') return `${raise}\n0 && (module.exports = { ${names.map((name) => `${name}: 0`).join(', ')} })\n`
  const exported = names.map((name, index) => `_${index} as ${name}`)
  return `const ${names.map((_, index) => `_${index} = 0, `).join('')}_ = 0\nexport { ${exported.join(', ')} }\n${raise}\n`
}

function exportedNames(source: string): string[] {
  const declared = source.matchAll(
    /\bexport\s+(?:declare\s+|abstract\s+|async\s+)*(?:const\s+enum|const|let|var|function\s*\*?|class|enum)\s+([\p{ID_Start}$_][\p{ID_Continue}$]*)/gu,
  )
  const listed = [...source.matchAll(/\bexport\s*\{([^}]*)\}/g)].flatMap(([, list]) => (list ?? '').split(','))
  const names = listed.map((item) => /([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*$/u.exec(item)?.[1])
  const byDefault = /\bexport\s+default\b/.test(source) ? ['default'] : []
  return [...new Set([...[...declared].map(([, name]) => name), ...names, ...byDefault].filter((name) => name !== undefined))]
}
