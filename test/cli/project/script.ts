import { isMain } from 'cowait'
import { done } from './outcomes.ts'

if (isMain(import.meta)) {
  const { value } = await done({ value: process.argv.slice(2) })
  console.log(JSON.stringify(value))
  process.exitCode = 5
}
