import type { FilterAnalysis } from "../../seccomp/index.js";
import type { Audited } from "../audited.js";
import { FILTER_ITEMS } from "./filter_items.js";
import { PROCESS_ITEMS } from "./process_items.js";

/** What one item of the figure came to. */
export interface ExposureShare {
  readonly item: string;
  readonly weight: number;
  /** 0: not granted; 1: granted in full. */
  readonly granted: number;
}

export interface Exposure {
  readonly subject: string;
  /** 0 to 10, as systemd-analyze security shows it; null where nothing of it could be read. */
  readonly figure: number | null;
  /** In the order of what they add. */
  readonly shares: readonly ExposureShare[];
}

/**
 * The sum of all items' weights, each as far as it is granted, as a share of the sum of all weights, times 10, rounded up to
 * tenths. Granting something more never lowers it, as no item has a negative weight and none shrinks when something is granted.
 * Items about filters count the weakest filter of the subject; items about processes need a process. docs/audit.md lists them.
 */
export function exposureOf({ subject, facts, isUnfiltered }: Audited): Exposure {
  const filters = facts.flatMap((one) => (one.kind === "filter" ? [grantedBy(one.analysis)] : []));
  const processes = facts.flatMap((one) => (one.kind === "process" ? [one] : []));
  const shares: ExposureShare[] = [];
  if (isUnfiltered || filters.length > 0) {
    const weakest = (place: number): number => (isUnfiltered ? 1 : Math.max(...filters.map((granted) => granted[place] ?? 1)));
    shares.push(...FILTER_ITEMS.map(({ item, weight }, place) => ({ item, weight, granted: weakest(place) })));
  }
  if (processes.length > 0)
    shares.push(
      ...PROCESS_ITEMS.map(({ item, weight, granted }) => ({ item, weight, granted: Math.max(...processes.map(granted)) })),
    );
  return { subject, figure: figureOf(shares), shares: shares.toSorted((a, b) => b.weight * b.granted - a.weight * a.granted) };
}

/** Processes of one role run the same filter, and asking it about every call takes some 20 ms. */
const askedFilters = new WeakMap<FilterAnalysis, readonly number[]>();

/** How far a filter grants each of FILTER_ITEMS. */
function grantedBy(filter: FilterAnalysis): readonly number[] {
  const known = askedFilters.get(filter) ?? FILTER_ITEMS.map(({ granted }) => granted(filter));
  askedFilters.set(filter, known);
  return known;
}

/** Of a VM: that of its most exposed part, so that one more process never lowers it. Null where one of them is not known. */
export function joinExposures(exposures: readonly Exposure[]): number | null {
  const figures = exposures.map(({ figure }) => figure);
  if (figures.length === 0 || figures.includes(null)) return null;
  return Math.max(...(figures as readonly number[]));
}

const TENTHS = 10;
const FIGURE_MAX = 10;

function figureOf(shares: readonly ExposureShare[]): number | null {
  if (shares.length === 0) return null;
  const weights = shares.reduce((sum, { weight }) => sum + weight, 0);
  const granted = shares.reduce((sum, share) => sum + share.weight * share.granted, 0);
  return Math.ceil((TENTHS * FIGURE_MAX * granted) / weights) / TENTHS;
}
