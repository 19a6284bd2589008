import { onCLS, onFCP, onINP, onLCP, onTTFB } from 'web-vitals'
import type { Measures } from '../model/measures.js'

/** Google's web vitals, each once when it is final: https://web.dev/articles/vitals */
export const watchVitals = (measures: Measures): void => {
  onTTFB(({ value }) => measures.add('ttfb', value))
  onFCP(({ value }) => measures.add('fcp', value))
  onLCP(({ value }) => measures.add('lcp', value))
  onINP(({ value }) => measures.add('inp', value))
  onCLS(({ value }) => measures.shift(value))
}
