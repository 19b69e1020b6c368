/** One step into a value: a key of an object, an index of an array, or the written form of a step into a Map or Set. */
export type Step = string | number | { readonly written: string }

const SHOWN = 12

/** `input.a.deep[1]`; the middle of a very deep path is left out. */
export function formatPath(label: string, steps: readonly Step[]): string {
  if (steps.length <= SHOWN) return label + steps.map(formatStep).join('')
  const head = steps
    .slice(0, SHOWN / 2)
    .map(formatStep)
    .join('')
  const tail = steps
    .slice(-SHOWN / 2)
    .map(formatStep)
    .join('')
  return `${label}${head}(…)${tail}`
}

function formatStep(step: Step): string {
  if (typeof step === 'number') return `[${step}]`
  if (typeof step === 'object') return step.written
  if (/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step)) return `.${step}`
  return `[${JSON.stringify(step.length > 80 ? `${step.slice(0, 80)}…` : step)}]`
}
