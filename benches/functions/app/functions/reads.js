exports = (id) => context.services.get("mongodb-atlas").db("bench").collection("notes").findOne({ _id: id });
