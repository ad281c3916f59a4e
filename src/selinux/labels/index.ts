export { holdLabel, type LabelledImage, type LabelStep } from "./hold_label.js";
export { labelForGood } from "./label_for_good.js";
export { type LabelRecord, listLabelRecords } from "./label_record.js";
export { type OpenFile, openLabelled, type ReleasedLabel, releaseLabels } from "./release_labels.js";
