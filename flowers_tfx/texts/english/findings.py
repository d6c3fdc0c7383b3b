"""Messages of findings."""

TEXTS = {
    # Distributions of properties.
    "finding.median_above_all": "{feature:Title}: median {old:number} -> {new:value:{feature}}, above every baseline photo.",
    "finding.median_below_all": "{feature:Title}: median {old:number} -> {new:value:{feature}}, below every baseline photo.",
    "finding.median_above": "{feature:Title}: median {old:number} -> {new:value:{feature}}, above {share:percent} of the baseline.",
    "finding.median_below": "{feature:Title}: median {old:number} -> {new:value:{feature}}, below {share:percent} of the baseline.",
    "finding.wider": "{feature:Title}: same median, {new:value:{feature}}, wider spread; middle 80 %: {low:number} to {high:number}, "
    "was {old_low:number} to {old_high:number}.",
    "finding.narrower": "{feature:Title}: same median, {new:value:{feature}}, narrower spread; middle 80 %: {low:number} to "
    "{high:number}, was {old_low:number} to {old_high:number}.",
    "finding.reshaped": "{feature:Title}: same median, {new:value:{feature}}, and same spread, but other values.",
    "finding.growth_value": "Photos with {low:amount:{feature}}: {old:percent} -> {new:percent}.",
    "finding.growth_range": "Photos with {low:number} to {high:amount:{feature}}: {old:percent} -> {new:percent}.",
    "finding.growth_from": "Photos with {low:amount:{feature}} or more: {old:percent} -> {new:percent}.",
    "finding.growth_to": "Photos with {high:amount:{feature}} or less: {old:percent} -> {new:percent}.",
    "finding.category": "{feature:Title} {word}: {old:percent} -> {new:percent} of the photos.",
    "finding.grayscale": "Black and white: {old:percent} -> {new:percent} of the photos.",
    "finding.colour": "In colour: {old:percent} -> {new:percent} of the photos.",
    "finding.missing_value": "{feature:Title} is missing: {old:percent} -> {new:percent} of the photos.",
    "finding.tail_upper": "{feature:Title} of {cut:value:{feature}} or more: {old:percent} -> {new:percent} of the photos.",
    "finding.tail_lower": "{feature:Title} of {cut:value:{feature}} or less: {old:percent} -> {new:percent} of the photos.",
    "finding.outlying": "Photos with an unusual combination of properties: {old:percent} -> {new:percent}.",
    # Labels and content.
    "finding.class_shares": "Class shares: {changes:changes}. {effect:percent} of the photos would need another class to match the "
    "baseline.",
    "finding.new_class": "The class {name} is new: {share:percent} of the new photos, none of the baseline.",
    "finding.missing_class": "The class {name} is missing: none of the new photos, {share:percent} of the baseline.",
    "finding.inconsistent_labels": "Labels that do not fit the photo: {old:percent} -> {new:percent}. Some of the labels are probably "
    "wrong.",
    "finding.joint": "All properties together: a classifier tells new from old {right:percent} of the time (chance: 50 %).",
    "finding.content": "What the photos show: a classifier tells new from old {right:percent} of the time (chance: 50 %).",
    "finding.omnibus": "No single measure is clearly different, but all of them together are. The largest difference is in "
    "{measure:title}: {effect:percent} of the photos.",
    # Counts.
    "finding.rejected_lines": "Unreadable inputs: {count:count} of {lines:count} lines of the delivery gave no photo.",
    "finding.conflicting_lines": "Conflicting labels: {count:count} of {lines:count} lines of the delivery were left out, since their "
    "photo has two labels.",
    "finding.repeated_lines": "Repeated lines: {count:count} of {lines:count} lines of the delivery were left out, since their photo "
    "is listed twice.",
    "finding.exact_copies_inside": "Exact copies of another new photo: {count:count} of {photos:count} new photos.",
    "finding.exact_copies_before": "Exact copies of an earlier photo: {count:count} of {photos:count} new photos.",
    "finding.near_copies_inside": "Near duplicates of another new photo: {count:count} of {photos:count} new photos.",
    "finding.near_copies_before": "Near duplicates of an earlier photo: {count:count} of {photos:count} new photos.",
    "finding.exact_conflicts": "Conflicting labels: {count:count} of {photos:count} new photos are exact copies of a photo with another "
    "label; one of the two labels is wrong.",
    "finding.near_conflicts": "Conflicting labels: {count:count} of {photos:count} new photos are near duplicates of a photo with another "
    "label; one of the two labels is wrong.",
    # The serving model on the new photos.
    "finding.worse": "The model answers {new:percent} of {photos:count} new photos right, {old:percent} of its own {old_photos:count} test "
    "photos: {drop:number} points less ({confidence:number} % interval: {least:number} to {most:number}).",
    "finding.worse_class": "{name}: the model answers {new:percent} of {photos:count} new photos right, {old:percent} of its own "
    "{old_photos:count} test photos: {drop:number} points less ({confidence:number} % interval: {least:number} to {most:number}).",
    "finding.worse_estimated": "The model answers probably {new:percent} of {photos:count} new photos right (estimated from its "
    "probabilities: the photos have no labels), {old:percent} of its own {old_photos:count} test photos: {drop:number} points less "
    "({confidence:number} % interval: {least:number} to {most:number}).",
    "finding.harm_unmeasured": "What the change costs the model was not measured: {cause}.",
    # Tables. "{sample:text}" is one of the samples below.
    "sample.baseline": "baseline sample",
    "sample.new": "new sample",
    "finding.repeated_column": "The {sample:text} has more than one column {name}: only the first was compared.",
    "finding.empty_sample": "The {sample:text} has no photos: there is nothing to compare.",
    "finding.few_photos": "The {sample:text} has only {photos:count} {photos:plural:photo|photos}: only very strong drift can be detected.",
    "finding.missing_column": "The {sample:text} has no column {name}.",
    "finding.without_labels": "{count:count} of {photos:count} photos of the {sample:text} have no label.",
    "finding.labels_not_compared": "Labels and class shares were not compared: the new photos are not labelled.",
    "finding.unmeasured": "{feature:Title} was not compared: it is not measured yet in {where}. `flowers spans measure` measures it.",
    "finding.property_missing_in_one": "{feature:Title} was not compared: the {sample:text} has no column {feature}.",
    "finding.property_missing_in_both": "{feature:Title} was not compared: the baseline sample and the new sample have no column "
    "{feature}.",
    "finding.not_a_number": "{feature:Title} is not a number in {count:count} of {photos:count} photos of the {sample:text}.",
    "finding.all_missing": "{feature:Title} is missing in all photos of the {sample:text}: it cannot be compared.",
    "finding.some_missing": "{feature:Title} is missing in {count:count} of {photos:count} photos of the {sample:text}.",
    "finding.unexpected_word": "{feature:Title} is none of {expected:list} in {count:count} of {photos:count} photos of the {sample:text}.",
    "finding.infinite": "{feature:Title} is infinite in {count:count} of {photos:count} photos of the {sample:text}.",
    "finding.too_high": "{feature:Title} is infinite or above {high:number} in {count:count} of {photos:count} photos of the "
    "{sample:text}.",
    "finding.too_low": "{feature:Title} is infinite or below {low:number} in {count:count} of {photos:count} photos of the {sample:text}.",
    "finding.out_of_range": "{feature:Title} is outside {low:number} to {high:number} in {count:count} of {photos:count} photos of the "
    "{sample:text}.",
    "finding.unknown_column": "Column {name} was not compared: only the {sample:text} has it.",
    "finding.other_network": "The content of the photos was not compared: the embeddings come from different networks ({old:count} "
    "numbers a photo in the baseline sample, {new:count} in the new one).",
    "reason.none": "has no embeddings",
    "reason.not_numbers": "has embeddings that are not lists of numbers",
    "reason.lengths": "has embeddings of several lengths",
    "reason.empty": "has embeddings without numbers",
    "finding.no_content_in_one": "The content of the photos was not compared: the {sample:text} {reason:text}.",
    "finding.no_content": "The content of the photos was not compared: the baseline sample {baseline:text} and the new sample {new:text}.",
    "finding.own_features": "The content of the photos was not compared: version {version} computes features with a backbone of its own "
    "(fine-tuned), and its training sample has embeddings of another network.",
    "finding.few_embeddings_missing": "The embeddings of {count:count} of {photos:count} photos are missing or not finite: these "
    "photos were left out of the comparison of content.",
    "finding.many_embeddings_missing": "The embeddings of {count:count} of {photos:count} photos are missing or not finite: the "
    "content was not compared.",
    # Schemas and the serving model.
    "finding.above_level": "A note only: p is not below {level:number}, this review's share of the error rate over time.",
    "finding.no_level": "A note only: this review came so soon after the last ones that it has no share of the error rate over time.",
    "finding.known_span": "The photos are like those of span-{span}, which the serving model was trained on.",
    "finding.model_schema_unreadable": "The schema of the serving model cannot be read: {cause}.",
    "finding.comparators": "The curated schema sets comparators of TFDV ({names:list}), which the data review does not read: levels of "
    'drift are points in tags, annotation {{ tag: "drift-warn: 10" tag: "drift-error: 25" }}.',
    "finding.feature_gone": "The feature {name} is gone from the schema since the serving model was trained.",
    "finding.feature_new": "The feature {name} is new in the schema since the serving model was trained.",
    "finding.type_changed": "The type of {name} went from {old} to {new}.",
    "finding.classes_changed": "The classes went from {old:list} to {new:list} since the serving model was trained.",
    "finding.anomaly": "ExampleValidator, split {split}: {name}: {description}",
    "finding.no_baseline": "Nothing was compared with the serving model's photos: {cause}.",
}
